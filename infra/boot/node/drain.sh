#!/usr/bin/env bash
# Stops the node's units in reverse start order, before the node is terminated: drain <reason>
#
# A spot instance has 120 seconds from its notice, of which the drain may take 110. After 100 seconds it kills units
# that have not stopped; the rest is for reports. A second call does nothing. `install-release` or a reboot restarts the
# units.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"

reason=${1:?usage: drain <reason>}
[[ $reason =~ ^[A-Za-z0-9:._-]{1,64}$ ]] || { echo "'$reason' is not a valid reason: letters, digits and :._- only" >&2 && exit 2; }
readonly seconds="${CFS_DRAIN_SECONDS:-100}" done_mark="$root/run/claudefs/drained"

mkdir --parents "${done_mark%/*}"
exec 9>"$root/run/claudefs/drain.lock"
# A second call waits for the first one, and finds its mark.
flock --timeout 120 9
if [[ -e $done_mark ]]; then
  say "drain $reason: done before, because of $(<"$done_mark")"
  exit 0
fi

SECONDS=0
say "drain $reason: begins"
mapfile -t names < <(units | tac)
late=() killed=()
for unit in "${names[@]}"; do
  left=$((seconds - SECONDS))
  if ((left <= 0)) || ! timeout "$left" systemctl stop "$unit"; then
    late+=("$unit")
  # systemd kills a unit after its TimeoutStopSec, but `stop` succeeds nevertheless.
  elif [[ $(systemctl show --property Result --value "$unit") == timeout ]]; then
    killed+=("$unit")
    say "drain $reason: $unit did not stop, systemd killed it"
  fi
done
for unit in "${late[@]}"; do
  say "drain $reason: $unit did not stop and is killed"
  systemctl kill --signal=KILL "$unit" || say "drain $reason: $unit could not be killed"
done
echo "$reason" >"$done_mark"
if ((${#late[@]} + ${#killed[@]})); then
  say "drain $reason: failed after $SECONDS s"
  count DrainFailed 1
  exit 1
fi
say "drain $reason: done after $SECONDS s"
count Drained 1
