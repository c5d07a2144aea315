#!/usr/bin/env bash
# Reads the agents' secrets from Secrets Manager into a file in memory, as environment variables for systemd.
#
# Values pass only through pipes and shell built-ins, never as a program's arguments.
set -euo pipefail
umask 077

readonly list="${CFS_ROOT:-}/etc/cfs/secrets.txt" file="${CFS_ROOT:-}/run/cfs/secrets.env"
export PATH="/snap/bin:$PATH"

value_of() {
  timeout 60 aws secretsmanager get-secret-value --secret-id "$1" --query SecretString --output text |
    jq --raw-output --exit-status --arg key "$2" '.[$key]'
}

trap 'rm --force "$file.new"' EXIT
: >"$file.new"
while read -r secret variable; do
  if ! value=$(value_of "$secret" "$variable"); then
    echo "secret $secret has no readable key $variable" >&2
    exit 1
  fi
  # Other characters would need quoting, which systemd and the shell interpret differently.
  if [[ ! $value =~ ^[A-Za-z0-9_./+=-]+$ ]]; then
    echo "key $variable of secret $secret has characters that no token has" >&2
    exit 1
  fi
  printf '%s=%s\n' "$variable" "$value" >>"$file.new"
done <"$list"
mv "$file.new" "$file"
