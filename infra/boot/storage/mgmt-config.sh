#!/usr/bin/env bash
# Writes the configuration of cfs-mgmt to a file in memory, since it contains the API's admin token.
#
# The token is the key ADMIN_TOKEN of the secret cfs/nodes/<environment>/management. Without such a secret a random
# token is generated, because cfs-mgmt without a token accepts all requests. /ready needs no token. Values pass only
# through pipes and shell built-ins, never as a program's arguments.
set -euo pipefail
umask 027

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"
readonly file="$root/run/claudefs/mgmt.toml" secret="cfs/nodes/$CFS_ENVIRONMENT/management"

mkdir --parents "${file%/*}"
trap 'rm --force "$file.new" "$file.error"' EXIT
if value=$(aws secretsmanager get-secret-value --secret-id "$secret" --query SecretString --output text \
  2>"$file.error"); then
  token=$(jq --raw-output '.ADMIN_TOKEN // ""' <<<"$value")
  if [[ ! $token =~ ^[A-Za-z0-9_./+=-]{16,}$ ]]; then
    echo "secret $secret: its key ADMIN_TOKEN must be 16 or more letters, digits and any of _./+=-" >&2
    exit 1
  fi
elif grep --quiet ResourceNotFoundException "$file.error"; then
  echo "secret $secret does not exist: nobody has this node's token until it does" >&2
  token=$(head --bytes 32 /dev/urandom | base64 --wrap 0)
else
  cat "$file.error" >&2
  exit 1
fi

cat >"$file.new" <<END
bind_addr = "0.0.0.0:8443"
index_dir = "/var/lib/claudefs/index"
duckdb_path = ":memory:"
scrape_interval_secs = 15
parquet_flush_interval_secs = 60
node_addrs = []
admin_token = "$token"
END
chgrp cfs "$file.new"
mv "$file.new" "$file"
