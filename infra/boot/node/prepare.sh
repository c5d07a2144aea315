#!/usr/bin/env bash
# Prepares a node. cloud-init runs it on the first boot; it can be run again after a repair.
#
# It reports its result in /var/lib/cfs, the tag BootState and the metric CFS/Cluster BootFailed, and completes the Auto
# Scaling group's launch hook with it: a failed node is replaced.
set -euo pipefail

# shellcheck source=infra/boot/shared/boot.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/boot.sh"
# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"
readonly programs="$root/usr/local/libexec/cfs"

# Fingerprint of the key that signs GitHub's packages since September 2026: https://github.com/cli/cli/issues/13118
readonly github_key=7F38BBB59D064DBCB3D84D725612B36462313325

report() {
  local status=0
  if (($1 == 0)); then
    # In a trap, a bare `return` returns the status from before the trap.
    if "$programs/report" ready && complete_launch CONTINUE; then return 0; else return 1; fi
  fi
  "$programs/report" "failed:$step" || status=1
  # The CloudWatch agent needs time to ship the end of the log: the node is terminated once the hook is completed.
  sleep "${CFS_PAUSE_SECONDS:-20}"
  complete_launch ABANDON || status=1
  return "$status"
}

# Completes the group's launch hook. A manually launched node has no hook, and an earlier run of this program may have
# completed it already.
complete_launch() {
  local id found=0 try refusal
  imds autoscaling/target-lifecycle-state || found=$?
  if ((found == 4)); then
    return 0
  fi
  id=$(imds instance-id) || return 1
  for try in 1 2 3; do
    if refusal=$(aws autoscaling complete-lifecycle-action --auto-scaling-group-name "$CFS_SCALING_GROUP" \
      --lifecycle-hook-name "$CFS_LIFECYCLE_HOOK" --instance-id "$id" --lifecycle-action-result "$1" 2>&1); then
      return 0
    fi
    echo "$refusal"
    if [[ $refusal == *'No active Lifecycle Action'* ]]; then
      return 0
    fi
    sleep "$((try * ${CFS_PAUSE_SECONDS:-10}))"
  done
  echo "the launch hook could not be answered with $1"
  return 1
}

folders() {
  systemd-tmpfiles --create "$root/etc/tmpfiles.d/claudefs.conf"
}

# The daemon's user mounts with --allow-other, which fuse3 allows only to root without this line.
fuse() {
  local file="$root/etc/fuse.conf"
  if [[ $CFS_PROFILE == client ]] && ! grep --quiet --line-regexp user_allow_other "$file"; then
    echo user_allow_other >>"$file"
  fi
}

kernel() {
  # Unlike `sysctl --system`, this fails for a setting that the kernel does not know.
  sysctl --load "$root"/etc/sysctl.d/99-cfs-*.conf
}

# GitHub's CLI verifies releases. Ubuntu's version is too old for the command.
github_cli() {
  local folder keyring="$root/etc/apt/keyrings/github-cli.gpg"
  folder=$(mktemp --directory)
  download https://cli.github.com/packages/githubcli-archive-keyring.gpg "$folder/all.gpg"
  gpg --homedir "$folder" --batch --import "$folder/all.gpg"
  # Only the key with this fingerprint is trusted, whatever was downloaded.
  mkdir --parents "${keyring%/*}" "$root/etc/apt/sources.list.d"
  gpg --homedir "$folder" --batch --export "$github_key" >"$folder/github-cli.gpg"
  [[ -s "$folder/github-cli.gpg" ]]
  install --mode=0644 "$folder/github-cli.gpg" "$keyring"
  install --mode=0644 "$root/etc/cfs/github-cli.sources" "$root/etc/apt/sources.list.d/"
  rm --recursive "$folder"
  update_lists
  # Before 2.67.0 the verification could succeed without an attestation (CVE-2025-25204):
  # https://github.com/cli/cli/security/advisories/GHSA-fgw4-v983-mgp8
  apt_get satisfy --yes --no-install-recommends 'gh (>= 2.67.0)'
}

disks() {
  if [[ $CFS_PROFILE == storage ]]; then
    systemctl daemon-reload
    systemctl enable --now claudefs-disks.service
  fi
}

daemons() {
  local names
  mapfile -t names < <(units)
  systemctl daemon-reload
  if ((${#names[@]})); then
    systemctl enable "${names[@]}"
  fi
  if [[ -e "$root/etc/systemd/system/claudefs-sites.timer" ]]; then
    systemctl enable --now claudefs-sites.timer
  fi
  systemctl enable --now claudefs-spot-watch.service
  systemctl enable claudefs-boot-report.service
}

release() {
  timeout 240 "$programs/install-release"
}

health() {
  if [[ -e "$root/opt/claudefs/current" ]]; then
    "$programs/probe"
  fi
}

begin

# The AWS CLI comes first, since it reports failures of later steps; the agent then ships the log of the other steps.
run aws_cli
run packages
run cloudwatch_agent
run folders
run kernel
run fuse
run github_cli
run disks
run daemons
run release
run health
