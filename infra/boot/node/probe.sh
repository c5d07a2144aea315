#!/usr/bin/env bash
# Checks that the node runs its release: probe [<version>]
#
# Its units are active and stay so for some seconds, daemons run the current release's programs, the release has the
# given version, and a storage node's management API is ready. Otherwise it prints every fault, and the status is 1.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"
status=0

wrong() {
  echo "wrong: $*" >&2
  status=1
}

current=$(realpath --canonicalize-existing "$root/opt/claudefs/current") || {
  echo 'wrong: no release is installed' >&2
  exit 1
}
version=$(jq --raw-output .version "$current/release.json")
if (($#)) && [[ $1 != "$version" ]]; then
  wrong "the release is $version, not $1"
fi

# Prints a unit's process and number of restarts, which change when systemd restarts it.
restarts() {
  systemctl show --property MainPID --property NRestarts "$1"
}

declare -A before=()
while read -r unit; do
  if ! state=$(systemctl is-active "$unit"); then
    wrong "$unit is $state"
    continue
  fi
  # Units with RemainAfterExit are active without a process after their program has exited with 0.
  pid=$(systemctl show --property MainPID --value "$unit")
  if ((pid)) && [[ $(readlink "$root/proc/$pid/exe") != "$current"/* ]]; then
    wrong "$unit runs $(readlink "$root/proc/$pid/exe"), not of release $version"
  fi
  before[$unit]=$(restarts "$unit")
done < <(units)

# A unit whose program crashes every few seconds is active most of the time.
if ((${#before[@]})); then
  sleep "${CFS_PAUSE_SECONDS:-10}"
fi
for unit in "${!before[@]}"; do
  if [[ $(restarts "$unit") != "${before[$unit]}" ]]; then
    wrong "$unit keeps restarting: its program ends"
  fi
done

if [[ $CFS_PROFILE == storage ]] && ! curl --fail --silent --show-error --output /dev/null --max-time 5 --retry 10 \
  --retry-delay 2 --retry-max-time 30 --retry-connrefused http://127.0.0.1:8443/ready; then
  wrong 'the management API is not ready'
fi
if ((status == 0)); then
  echo "release $version runs"
fi
exit "$status"
