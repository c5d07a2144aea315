#!/usr/bin/env bash
# Puts the heartbeats of ClaudeFS's watchdog and supervisor, and what they have done since the last call, as metrics.
#
# Both write a line at each check, the watchdog every 2 minutes and the supervisor every 15. While the cost guard pauses
# the agents, both are stopped on purpose, which counts as a heartbeat.
set -euo pipefail

set -a
# shellcheck source=/dev/null  # written by cloud-init
source "${CFS_ROOT:-}/etc/cfs/machine.env"
set +a
export PATH="/snap/bin:$PATH"
readonly root=${CFS_ROOT:-}
readonly logs="$root/var/log/cfs-agents" places="$root/run/cfs-supervision" mode="$root/run/cfs-agents-mode"
data=()

put() {
  data+=("MetricName=$1,Value=$2,Dimensions=[{Name=Environment,Value=$CFS_ENVIRONMENT}]")
}

# Puts 1 if a log has a line of the last minutes, else 0: put_heartbeat <metric> <log> <minutes>
put_heartbeat() {
  local beat=0
  if [[ -f $mode && $(<"$mode") == paused ]] || [[ -n $(find "$logs/$2" -mmin "-$3" 2>/dev/null) ]]; then
    beat=1
  fi
  put "$1" "$beat"
}

# Puts the number of a log's new lines that match, if there are any: put_count <metric> <log> <pattern>
put_count() {
  local file="$logs/$2" place="$places/$1" begin end count
  [[ -f $file ]] || return 0
  end=$(stat --format %s "$file")
  # The first call after a boot only notes where the next one begins.
  begin=$(cat "$place" 2>/dev/null || echo "$end")
  # The rotation truncates logs.
  ((begin <= end)) || begin=0
  count=$(head --bytes "$end" "$file" | tail --bytes "+$((begin + 1))" |
    awk -v "pattern=$3" '$0 ~ pattern {n++} END {print n + 0}')
  ((count == 0)) || put "$1" "$count"
  echo "$end" >"$place.new"
}

mkdir --parents "$places"
put_heartbeat WatchdogHeartbeat watchdog.log 5
put_heartbeat SupervisorHeartbeat supervisor.log 20
put_count AgentRestarts watchdog.log 'relaunching$'
put_count BuildRepairs supervisor.log 'Error fixed by OpenCode'
put_count FailedRepairs supervisor.log 'could not fix error|Max retries .* exceeded'
timeout 60 aws cloudwatch put-metric-data --namespace CFS/Orchestrator --metric-data "${data[@]}"

# What could not be put is counted by the next call.
for place in "$places"/*.new; do
  [[ ! -f $place ]] || mv "$place" "${place%.new}"
done
