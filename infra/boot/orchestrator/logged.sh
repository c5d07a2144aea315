#!/usr/bin/env bash
# Runs a command and appends its output to /var/log/cfs-agents/<name>.log: logged <name> <command> [<argument> …]
#
# The agents' user owns that folder and could create a link there, so this user opens the file, and not root.
set -euo pipefail

readonly name=$1
shift
exec "$@" >>"${CFS_ROOT:-}/var/log/cfs-agents/$name.log" 2>&1
