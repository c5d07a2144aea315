#!/usr/bin/env bash
# Steps of a first boot that all machines share. `prepare` sources this file, defines `report`, and runs the steps.
#
# /var/lib/cfs/boot-complete exists only if every step has succeeded. Otherwise /var/lib/cfs/boot-failed names the
# failed step, /var/log/cfs-bootstrap.log contains its output, and `report` has reported the failure.
set -euo pipefail
# Otherwise failures inside $( ) are ignored.
shopt -s inherit_errexit

# Tests set another root folder.
root="${CFS_ROOT:-}"
readonly state="$root/var/lib/cfs" log="$root/var/log/cfs-bootstrap.log"

# Fingerprint of the key that signs the CloudWatch agent:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/verify-CloudWatch-Agent-Package-Signature.html
readonly agent_key=937616F3450B7D806CBD9725D58167303B789C72

set -a
# shellcheck source=/dev/null  # written by cloud-init
source "$root/etc/cfs/machine.env"
set +a
export DEBIAN_FRONTEND=noninteractive PATH="/snap/bin:$PATH"

step=start

# Redirects all output to the log, and makes sure that the result is reported.
begin() {
  mkdir --parents "$state"
  rm --force "$state/boot-complete" "$state/boot-failed"
  exec 3>&2 >>"$log" 2>&1
  trap finish EXIT
}

# Calls `report 0`, or `report 1` after a failed step; a boot that cannot be reported counts as failed.
finish() {
  local status=$?
  if ((status == 0)) && ! report 0; then
    step=report status=1
  fi
  if ((status == 0)); then
    date --iso-8601=seconds >"$state/boot-complete"
  else
    echo "$step" >"$state/boot-failed"
    report 1 || echo "the failure could not be reported in full"
    # cloud-init prints this on the console, which EC2 shows even after the instance is terminated.
    tail --lines 20 "$log" >&3
    echo "boot failed in step '$step' with status $status; see $log" >&3
  fi
  exit "$status"
}

run() {
  step=$1
  echo "$(date --iso-8601=seconds) $step"
  "$step"
}

# Repeats a failing command during the first 8 minutes: the network may not be ready yet, and snapd and Ubuntu's own
# updates hold locks. After 20 minutes a node's group terminates it.
retry() {
  local status
  while true; do
    status=0
    "$@" || status=$?
    if ((status == 0 || SECONDS >= ${CFS_RETRY_SECONDS:-480})); then
      return "$status"
    fi
    sleep "${CFS_PAUSE_SECONDS:-10}"
  done
}

download() {
  retry curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 --connect-timeout 10 --max-time 120 \
    --output "$2" "$1"
}

snap_install() {
  # On the first boot snapd first installs the image's own snaps, and refuses others until then.
  timeout 300 snap wait system seed.loaded
  retry snap install --classic "$@"
}

# apt does not wait for some of its locks, despite DPkg::Lock::Timeout.
apt_get() {
  retry apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=120 "$@"
}

update_lists() {
  apt_get -o APT::Update::Error-Mode=any update
}

aws_cli() {
  # Ubuntu 24.04 has no package for it; AWS publishes this snap.
  snap_install aws-cli
}

packages() {
  local names
  mapfile -t names < <(cat "$root"/etc/cfs/packages*.txt)
  update_lists
  apt_get install --yes --no-install-recommends "${names[@]}"
}

cloudwatch_agent() {
  local folder source="https://amazoncloudwatch-agent-$AWS_REGION.s3.$AWS_REGION.amazonaws.com/ubuntu"
  source+="/$(dpkg --print-architecture)/latest"
  folder=$(mktemp --directory)
  download "$source/amazon-cloudwatch-agent.deb" "$folder/agent.deb"
  download "$source/amazon-cloudwatch-agent.deb.sig" "$folder/agent.sig"
  download https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg "$folder/agent.key"
  gpg --homedir "$folder" --batch --import "$folder/agent.key"
  # The status names the signing key, so a valid signature of any other key is refused.
  gpg --homedir "$folder" --batch --status-fd 1 --verify "$folder/agent.sig" "$folder/agent.deb" >"$folder/status"
  grep --quiet "^\[GNUPG:\] VALIDSIG $agent_key " "$folder/status"
  apt_get install --yes --no-install-recommends "$folder/agent.deb"
  rm --recursive "$folder"
  "$root/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl" \
    -a fetch-config -m ec2 -s -c "file:$root/etc/cfs/cloudwatch-agent.json"
}
