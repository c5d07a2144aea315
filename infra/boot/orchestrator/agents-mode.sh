#!/usr/bin/env bash
# Turns the agents' mode, which the cost guard sets, into what ClaudeFS's scripts and Claude Code look for.
#
# economy: the flag of ClaudeFS's scripts, and Claude Code on its cheapest model; paused: no agents besides.
# It acts when the mode changes, so that what a person does meanwhile stays. Without an answer nothing changes.
set -euo pipefail

set -a
# shellcheck source=/dev/null  # written by cloud-init
source "${CFS_ROOT:-}/etc/cfs/machine.env"
set +a
export PATH="/snap/bin:$PATH"
readonly root=${CFS_ROOT:-}
readonly flag="$root/tmp/cfs-bedrock-budget-exceeded" settings="$root/etc/claude-code/managed-settings.json"
readonly applied="$root/run/cfs-agents-mode"

mode=$(aws ssm get-parameter --name "$CFS_AGENTS_MODE_PARAMETER" --query Parameter.Value --output text)
[[ ! -f $applied || $mode != "$(<"$applied")" ]] || exit 0

economize() {
  # Managed settings go before all others: https://code.claude.com/docs/en/settings
  mkdir --parents "${settings%/*}"
  printf '{"model": "haiku", "availableModels": ["haiku"]}\n' >"$settings"
  runuser --user cfs -- touch "$flag"
}

case $mode in
  normal)
    rm --force "$flag" "$settings"
    systemctl start cfs-watchdog.timer cfs-supervisor.timer
    ;;
  economy)
    economize
    systemctl start cfs-watchdog.timer cfs-supervisor.timer
    ;;
  paused)
    economize
    systemctl stop cfs-watchdog.timer cfs-supervisor.timer cfs-watchdog.service cfs-supervisor.service
    # Without any session, tmux fails.
    if ! runuser --user cfs -- tmux kill-server; then
      echo 'no agent is running'
    fi
    ;;
  *)
    echo "the parameter $CFS_AGENTS_MODE_PARAMETER is '$mode', not normal, economy or paused" >&2
    exit 1
    ;;
esac
printf '%s\n' "$mode" >"$applied"
