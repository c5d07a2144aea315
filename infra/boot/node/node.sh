#!/usr/bin/env bash
# What the nodes' programs share: who this node is, and how it tells others. They source this file.
set -euo pipefail
# Else a failure inside $( ) would be passed over.
shopt -s inherit_errexit

# Tests run this in a folder of their own.
root="${CFS_ROOT:-}"
set -a
# shellcheck source=/dev/null  # written by cloud-init
source "$root/etc/cfs/machine.env"
set +a
# systemd starts programs of root without a HOME, or with that of the unit's user.
export PATH="/snap/bin:$PATH" HOME="$root/root"

# Calls AWS with a limit on all attempts together, so that hanging calls do not outlast the launch hook.
aws() {
  timeout "${CFS_CALL_SECONDS:-60}" aws "$@"
}

# Reads instance metadata; status 4 where there is none of that name.
imds() {
  local address=http://169.254.169.254/latest token answer
  token=$(curl --fail --silent --show-error --max-time 5 --retry 5 --request PUT \
    --header 'X-aws-ec2-metadata-token-ttl-seconds: 60' "$address/api/token") || return 1
  answer=$(curl --silent --show-error --max-time 5 --retry 5 --write-out '\n%{http_code}' \
    --header "X-aws-ec2-metadata-token: $token" "$address/meta-data/$1") || return 1
  case ${answer##*$'\n'} in
    200) echo "${answer%$'\n'*}" ;;
    404) return 4 ;;
    *) return 1 ;;
  esac
}

# Sets one of the node's own tags: tag <key> <value>
tag() {
  local id
  id=$(imds instance-id) || return 1
  aws ec2 create-tags --resources "$id" --tags "Key=$1,Value=$2"
}

# Counts a metric of the cluster: count <name> <value>
count() {
  aws cloudwatch put-metric-data --namespace CFS/Cluster --metric-name "$1" --value "$2" \
    --dimensions "Environment=$CFS_ENVIRONMENT,NodeGroup=$CFS_NODE_GROUP"
}

# The node's ClaudeFS units, one a line, in the order in which they start.
units() {
  cat "$root/etc/cfs/units.txt"
}

# Prints a line, and appends it to the log of what was done to this node, which is shipped.
say() {
  mkdir --parents "$root/var/log/claudefs"
  echo "$(date --iso-8601=seconds) $*" | tee --append "$root/var/log/claudefs/node.log"
}
