#!/usr/bin/env bash
# Reports the result of the node's boot in its tag BootState and the metric CFS/Cluster BootFailed:
#   report ready | report failed:<step>
# If one of them fails, the other is still tried, and the status is 1.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"

failed=1 status=0
if [[ $1 == ready ]]; then
  failed=0
fi
say "boot: $1"
tag BootState "$1" || { say "BootState=$1 could not be set" && status=1; }
count BootFailed "$failed" || { say "BootFailed=$failed could not be counted" && status=1; }
exit "$status"
