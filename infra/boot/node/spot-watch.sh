#!/usr/bin/env bash
# Checks the instance metadata every 5 seconds for a spot interruption notice, and then drains the node:
# https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html
#
# The runbook for EC2's event drains the node too; the first one wins. An On-Demand instance gets no notice.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"

life_cycle=$(imds instance-life-cycle)
if [[ $life_cycle != spot ]]; then
  echo "nothing to watch: this instance is $life_cycle"
  exit 0
fi
failures=0
while ((failures < 12)); do
  status=0
  notice=$(imds spot/instance-action) || status=$?
  case $status in
    0)
      action=$(jq --raw-output .action <<<"$notice")
      exec "$root/usr/local/libexec/cfs/drain" "spot-$action"
      ;;
    4) failures=0 ;;
    *) failures=$((failures + 1)) ;;
  esac
  sleep "${CFS_PAUSE_SECONDS:-5}"
done
say 'spot-watch: the instance metadata have not answered for a minute' >&2
exit 1
