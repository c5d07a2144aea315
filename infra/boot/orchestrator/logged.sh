#!/usr/bin/env bash
# Runs a command and appends what it prints to /var/log/cfs-agents/<name>.log: logged <name> <command> [<argument> …]
#
# The agents' user owns that folder and could put a link there. It is this user who opens the file, not root.
set -euo pipefail

readonly name=$1
shift
exec "$@" >>"${CFS_ROOT:-}/var/log/cfs-agents/$name.log" 2>&1
