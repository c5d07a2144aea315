#!/usr/bin/env bash
# Reports the result of a boot after the first: ready, failed:disks or failed:health. The exit status is 1 unless the
# node is ready, so systemd retries.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"
readonly programs="$root/usr/local/libexec/cfs"

# Daemons may still be waiting for AWS, which is no failure.
healthy() {
  for _ in 1 2 3; do
    "$programs/probe" && return
    sleep "${CFS_PAUSE_SECONDS:-15}"
  done
  return 1
}

result=ready
if [[ $CFS_PROFILE == storage ]] && ! systemctl is-active --quiet claudefs-disks.service; then
  result=failed:disks
elif [[ -e "$root/opt/claudefs/current" ]] && ! healthy; then
  result=failed:health
fi
"$programs/report" "$result"
[[ $result == ready ]]
