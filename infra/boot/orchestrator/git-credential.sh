#!/usr/bin/env bash
# Git credential helper that returns GitHub's token: https://git-scm.com/docs/git-credential#IOFMT
set -euo pipefail

# git also calls it with store and erase, which need no action.
[[ ${1:-} == get ]] || exit 0

protocol='' host=''
while IFS='=' read -r key value && [[ -n $key ]]; do
  case $key in
    protocol) protocol=$value ;;
    host) host=$value ;;
    *) ;;
  esac
done
[[ $protocol == https && $host == github.com ]] || exit 0

# shellcheck source=/dev/null  # written by fetch-secrets
source "${CFS_ROOT:-}/run/cfs/secrets.env"
printf 'username=x-access-token\npassword=%s\n' "$GITHUB_TOKEN"
