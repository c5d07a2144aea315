#!/usr/bin/env bash
# Prints the private DNS names of this environment's running nodes, sorted, one per line:
#   peers [--role storage|client|conduit|jepsen] [--site A|B]
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"

filters=(
  "Name=tag:project,Values=claudefs"
  "Name=tag:Environment,Values=$CFS_ENVIRONMENT"
  "Name=tag-key,Values=NodeGroup"
  "Name=instance-state-name,Values=running"
)
while (($#)); do
  case "$1=${2:-}" in
    --role=storage | --role=client | --role=conduit | --role=jepsen) filters+=("Name=tag:Role,Values=$2") ;;
    --site=A | --site=B) filters+=("Name=tag:Site,Values=$2") ;;
    *)
      echo "usage: peers [--role storage|client|conduit|jepsen] [--site A|B], not: $1 ${2:-}" >&2
      exit 2
      ;;
  esac
  shift 2
done
aws ec2 describe-instances --filters "${filters[@]}" --query 'Reservations[].Instances[].[PrivateDnsName]' \
  --output text | sort
