#!/usr/bin/env bash
# Creates file systems on empty instance store disks, and mounts all of them at /data/nvme0, /data/nvme1 …
#
# It runs at every boot: the instance store survives a reboot, but is empty after a stop. Disks are identified by model,
# since device names may change at each boot, and the label of a file system determines its mount point. A disk with
# any other content is left unchanged, and the program fails.
#
# There are no entries in /etc/fstab: after a stop they would refer to lost file systems.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"

# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/nvme-ebs-volumes.html
readonly model='Amazon EC2 NVMe Instance Storage' label=cfs-nvme

# Prints the instance store's devices in order of serial number, which a reboot does not change.
instance_store() {
  local disk found serial
  for disk in "$root"/sys/block/nvme*; do
    [[ -e $disk/device/model ]] || continue
    # `read` strips the padding.
    read -r found <"$disk/device/model"
    if [[ $found == "$model" ]]; then
      read -r serial <"$disk/device/serial"
      echo "$serial $root/dev/$(basename "$disk")"
    fi
  done | sort | cut --delimiter=' ' --fields=2
}

# Prints a disk's number if it has one of our file systems, nothing if it is empty; fails for other content.
number_of() {
  local device=$1 signatures
  # The types and labels of all signatures, including partition tables.
  signatures=$(wipefs --no-act --noheadings --output TYPE,LABEL "$device")
  signatures=$(tr --squeeze-repeats ' ' <<<"$signatures")
  if [[ $signatures =~ ^xfs\ $label([0-9]+)$ ]]; then
    echo "${BASH_REMATCH[1]}"
  elif [[ -n $signatures ]]; then
    say "disks: $device contains '$signatures', which is not ours: it is left unchanged" >&2
    return 1
  fi
}

mount_disk() {
  local device=$1 folder="$root/data/nvme$2" uuid
  uuid=$(blkid --match-tag UUID --output value "$device")
  mkdir --parents "$folder"
  if ! mountpoint --quiet "$folder"; then
    mount -t xfs -o noatime,discard "UUID=$uuid" "$folder"
  fi
  chown cfs:cfs "$folder"
  chmod 0750 "$folder"
}

udevadm settle
mapfile -t devices < <(instance_store)
if ((${#devices[@]} == 0)); then
  say "disks: there is no disk of the model '$model': a storage node needs an instance type with instance store" >&2
  exit 1
fi

declare -A numbers=() taken=()
for device in "${devices[@]}"; do
  number=$(number_of "$device")
  numbers[$device]=$number
  if [[ -n $number ]]; then
    taken[$number]=1
  fi
done
for device in "${devices[@]}"; do
  number=${numbers[$device]}
  if [[ -z $number ]]; then
    number=0
    while [[ -n ${taken[$number]:-} ]]; do number=$((number + 1)); done
    taken[$number]=1
    say "disks: a new file system on $device, for /data/nvme$number"
    # -K: blocks need not be discarded, since the instance store is trimmed on delivery:
    # https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ssd-instance-store.html
    # Without -f it refuses a disk that is not empty.
    mkfs.xfs -K -L "$label$number" "$device"
    udevadm settle
  fi
  mount_disk "$device" "$number"
done
