#!/usr/bin/env bash
# Prepares the agents' machine. The unit cfs-boot runs it on the first boot, and again until it succeeds.
#
# It reports its result in /var/lib/cfs and in the metric CFS/Orchestrator BootFailed.
set -euo pipefail

# shellcheck source=infra/boot/shared/boot.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/boot.sh"
readonly logs="$root/var/log/cfs-agents"

report() {
  # A metric that cannot be sent does not fail the boot.
  if ! timeout 60 aws cloudwatch put-metric-data --namespace CFS/Orchestrator --metric-name BootFailed --value "$1" \
    --dimensions "Environment=$CFS_ENVIRONMENT"; then
    echo "BootFailed=$1 could not be reported to CloudWatch"
  fi
}

node_js() {
  # The Node.js project publishes this snap.
  snap_install node --channel=22
}

secrets() {
  systemctl daemon-reload
  systemctl start cfs-secrets.service
}

toolchain() {
  retry runuser --user cfs -- env --chdir="$root/home/cfs" HOME="$root/home/cfs" "$root/usr/local/libexec/cfs/toolchain"
}

timers() {
  systemctl enable --now cfs-watchdog.timer cfs-supervisor.timer cfs-agents-mode.timer cfs-supervision.timer
}

begin
mkdir --parents "$logs"
chown cfs:cfs "$logs"
chmod 0750 "$logs"

# The AWS CLI comes first, since it reports failures of later steps; the agent then ships the log of the other steps.
run aws_cli
run packages
run cloudwatch_agent
run node_js
run secrets
run toolchain
run timers
