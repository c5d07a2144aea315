#!/usr/bin/env bash
# Prepares the agents' machine. cloud-init runs it on the first boot; it can be run again after a repair.
#
# /var/lib/cfs/boot-complete exists only if every step has succeeded. Otherwise /var/lib/cfs/boot-failed names the step
# that has not, /var/log/cfs-bootstrap.log has its output, and the metric CFS/Orchestrator BootFailed is 1.
set -euo pipefail

# Tests run this in a folder of their own.
readonly root="${CFS_ROOT:-}"
readonly state="$root/var/lib/cfs" logs="$root/var/log/cfs-agents" log="$root/var/log/cfs-bootstrap.log"

# Fingerprint of the key that signs the CloudWatch agent:
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/verify-CloudWatch-Agent-Package-Signature.html
readonly agent_key=937616F3450B7D806CBD9725D58167303B789C72

set -a
# shellcheck source=/dev/null  # written by cloud-init
source "$root/etc/cfs/machine.env"
set +a
export DEBIAN_FRONTEND=noninteractive PATH="/snap/bin:$PATH"

step=start

report() {
  if ! aws cloudwatch put-metric-data --namespace CFS/Orchestrator --metric-name BootFailed --value "$1" \
    --dimensions "Environment=$CFS_ENVIRONMENT"; then
    echo "BootFailed=$1 could not be reported to CloudWatch"
  fi
}

finish() {
  local status=$?
  if ((status == 0)); then
    date --iso-8601=seconds >"$state/boot-complete"
    report 0
  else
    echo "$step" >"$state/boot-failed"
    report 1
    echo "boot failed in step '$step' with status $status; see $log" >&3
  fi
  exit "$status"
}

run() {
  step=$1
  echo "$(date --iso-8601=seconds) $step"
  "$step"
}

download() {
  curl --fail --silent --show-error --location --proto '=https' --tlsv1.2 --retry 5 --output "$2" "$1"
}

tools_from_snaps() {
  # Ubuntu 24.04 has no package of the AWS CLI. AWS publishes this snap, the Node.js project the other one.
  snap install aws-cli --classic
  snap install node --classic --channel=22
}

packages() {
  local names
  mapfile -t names <"$root/etc/cfs/packages.txt"
  apt-get -o Acquire::Retries=5 update
  apt-get -o Acquire::Retries=5 -o DPkg::Lock::Timeout=600 install --yes --no-install-recommends "${names[@]}"
}

cloudwatch_agent() {
  local folder source="https://amazoncloudwatch-agent-$AWS_REGION.s3.$AWS_REGION.amazonaws.com/ubuntu/amd64/latest"
  folder=$(mktemp --directory)
  download "$source/amazon-cloudwatch-agent.deb" "$folder/agent.deb"
  download "$source/amazon-cloudwatch-agent.deb.sig" "$folder/agent.sig"
  download https://amazoncloudwatch-agent.s3.amazonaws.com/assets/amazon-cloudwatch-agent.gpg "$folder/agent.key"
  gpg --homedir "$folder" --batch --import "$folder/agent.key"
  # The status names the key that has signed, so a good signature by any other key is refused.
  gpg --homedir "$folder" --batch --status-fd 1 --verify "$folder/agent.sig" "$folder/agent.deb" >"$folder/status"
  grep --quiet "^\[GNUPG:\] VALIDSIG $agent_key " "$folder/status"
  dpkg --install "$folder/agent.deb"
  rm --recursive "$folder"
  "$root/opt/aws/amazon-cloudwatch-agent/bin/amazon-cloudwatch-agent-ctl" \
    -a fetch-config -m ec2 -s -c "file:$root/etc/cfs/cloudwatch-agent.json"
}

secrets() {
  systemctl daemon-reload
  systemctl start cfs-secrets.service
}

toolchain() {
  runuser --user cfs -- env --chdir="$root/home/cfs" HOME="$root/home/cfs" "$root/usr/local/libexec/cfs/toolchain"
}

timers() {
  systemctl enable --now cfs-watchdog.timer cfs-supervisor.timer
}

mkdir --parents "$state" "$logs"
chown cfs:cfs "$logs"
chmod 0750 "$logs"
rm --force "$state/boot-complete" "$state/boot-failed"
exec 3>&2 >>"$log" 2>&1
trap finish EXIT

# The AWS CLI comes first, so that every later failure can be reported; then the agent that ships the log of the rest.
run tools_from_snaps
run packages
run cloudwatch_agent
run secrets
run toolchain
run timers
