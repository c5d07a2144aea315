#!/usr/bin/env bash
# Writes the arguments of cfs-repl, and restarts it if they have changed: nodes come and go, but it reads them only when
# it starts. With --before-start it restarts nothing, because systemd is about to start cfs-repl.
#
# Sites reach each other through the conduit, and the conduit reaches a storage node of each site. cfs-repl takes one
# address per site: the first by name.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"
readonly file="$root/run/claudefs/repl.env"
declare -A ids=([A]=1 [B]=2)
readonly conduit_id=3 port=5051

# Adds a site's address, if the site has a node: peer <site id> <argument of peers> …
peer() {
  local id=$1 names
  shift
  names=$("$root/usr/local/libexec/cfs/peers" "$@")
  if [[ -n $names ]]; then
    arguments+=" --peer $id:$AWS_REGION:grpc://${names%%$'\n'*}:$port"
  fi
}

if [[ $CFS_PROFILE == conduit ]]; then
  arguments="--site-id $conduit_id"
  peer "${ids[A]}" --role storage --site A
  peer "${ids[B]}" --role storage --site B
else
  arguments="--site-id ${ids[$CFS_SITE]}"
  peer "$conduit_id" --role conduit
fi

mkdir --parents "${file%/*}"
if [[ -e $file && $(<"$file") == "CFS_REPL_ARGUMENTS=$arguments" ]]; then
  exit 0
fi
echo "CFS_REPL_ARGUMENTS=$arguments" >"$file.new"
mv "$file.new" "$file"
say "replication: $arguments"
if [[ ${1:-} != --before-start ]]; then
  systemctl --no-block try-restart cfs-repl.service
fi
