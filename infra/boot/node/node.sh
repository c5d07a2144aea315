#!/usr/bin/env bash
# Shared by the nodes' programs, which source it: facts of this node, and functions that report to AWS.
set -euo pipefail
# Otherwise failures inside $( ) are ignored.
shopt -s inherit_errexit

# Tests set another root folder.
root="${CFS_ROOT:-}"
set -a
# shellcheck source=/dev/null  # written by cloud-init
source "$root/etc/cfs/machine.env"
set +a
# systemd starts root's programs without HOME, or with the HOME of the unit's user.
export PATH="/snap/bin:$PATH" HOME="$root/root"

# Calls AWS with a time-out for all attempts together, so hanging calls do not outlast the launch hook.
aws() {
  timeout "${CFS_CALL_SECONDS:-60}" aws "$@"
}

# Prints an item of the instance metadata; status 4 if it does not exist.
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

# Sets a tag of this node: tag <key> <value>
tag() {
  local id
  id=$(imds instance-id) || return 1
  aws ec2 create-tags --resources "$id" --tags "Key=$1,Value=$2"
}

# Puts a metric of the cluster, for the environment and for the node group: count <name> <value>
count() {
  local environment="{Name=Environment,Value=$CFS_ENVIRONMENT}" group="{Name=NodeGroup,Value=$CFS_NODE_GROUP}"
  aws cloudwatch put-metric-data --namespace CFS/Cluster --metric-data \
    "MetricName=$1,Value=$2,Dimensions=[$environment]" "MetricName=$1,Value=$2,Dimensions=[$environment,$group]"
}

# Prints the node's ClaudeFS units, one per line, in start order.
units() {
  cat "$root/etc/cfs/units.txt"
}

# Prints a line, and appends it to this node's log, which the CloudWatch agent ships.
say() {
  mkdir --parents "$root/var/log/claudefs"
  echo "$(date --iso-8601=seconds) $*" | tee --append "$root/var/log/claudefs/node.log"
}
