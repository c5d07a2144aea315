#!/usr/bin/env bash
# Writes the configuration of cfs-mgmt into memory, since it holds the token that its API asks for.
#
# The token is the key ADMIN_TOKEN of the secret cfs/nodes/<environment>/management. Where there is no such secret it
# is drawn by lot: without one, cfs-mgmt would let everybody in. /ready needs none. Values go through pipes and shell
# built-ins only: no program has one among its arguments.
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
