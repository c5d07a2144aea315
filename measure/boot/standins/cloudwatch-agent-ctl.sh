#!/bin/bash
# Stand-in for the CloudWatch agent: accepts the arguments and the configuration that the real one accepts.
set -euo pipefail

[[ "$*" =~ ^-a\ fetch-config\ -m\ ec2\ -s\ -c\ file:(.*)$ ]] || exit 64
jq --exit-status .logs.logs_collected.files.collect_list "${BASH_REMATCH[1]}" >/dev/null
