#!/usr/bin/env bash
# Installs a release and restarts the node's units:
#   install-release [<key of its release.json> <sha256 of it>]
# Without arguments: the release named by the environment's pointer, or none if there is no pointer yet.
#
# It switches to the release only after verifying its checksums and attestation: a refused release leaves the old one
# unchanged. /opt/claudefs/current is switched atomically, and the tag Version shows the installed version.
set -euo pipefail

# shellcheck source=infra/boot/node/node.sh
source "${CFS_ROOT:-}/usr/local/lib/cfs/node.sh"
readonly home="$root/opt/claudefs" binaries=(cfs-fuse cfs-gateway cfs-meta cfs-mgmt cfs-repl)
arch=$(uname --machine)

refuse() {
  say "release refused: $*" >&2
  exit 1
}

# get <key> <file> [<sha256>]
get() {
  CFS_CALL_SECONDS=180 aws s3 cp "s3://$CFS_ARTIFACTS/$1" "$2" --only-show-errors
  if [[ -n ${3:-} ]] && ! sha256sum --check --status <<<"$3  $2"; then
    refuse "$1 has another SHA-256 than $3"
  fi
}

# Sets `values` to values of a JSON file, with its escapes, or "" for missing ones: read_values <file> <path> …
read_values() {
  local file=$1 paths found
  shift
  printf -v paths ', %s' "$@"
  found=$(jq --raw-output "[${paths:2}] | map(. // \"\" | tostring | @json) | .[]" "$file") ||
    refuse "${file##*/} is not a JSON object of the expected form"
  mapfile -t values <<<"$found"
  values=("${values[@]#\"}")
  values=("${values[@]%\"}")
}

# check <value> <its name in messages> <pattern>
check() {
  [[ $1 =~ ^($3)$ ]] || refuse "$2 is '$1', not of the form $3"
}

# Sets `key` and `sum` from the pointer, or to '' if there is no pointer.
read_pointer() {
  local pointer="environments/$CFS_ENVIRONMENT/version.json" found
  key='' sum=''
  found=$(aws s3api list-objects-v2 --bucket "$CFS_ARTIFACTS" --prefix "$pointer" --no-paginate --query KeyCount \
    --output text)
  if [[ $found != 0 ]]; then
    get "$pointer" "$work/version.json"
    read_values "$work/version.json" .schema .release .sha256
    check "${values[0]}" 'the schema of the pointer' 1
    check "${values[1]}" 'the pointer' 'releases/[0-9a-f]{40}/release\.json'
    check "${values[2]}" 'the checksum of the pointer' '[0-9a-f]{64}'
    key=${values[1]} sum=${values[2]}
  fi
}

# The node's own configuration names the trusted repository and workflow; the release's claims must match it.
verify_attestation() {
  if ! HOME="$work" timeout 120 gh attestation verify "$1" --bundle "$2" --repo "$CFS_REPOSITORY" \
    --signer-workflow "$CFS_REPOSITORY/$CFS_SIGNER_WORKFLOW" --source-digest "$commit" --deny-self-hosted-runners; then
    refuse "its attestation does not prove that $CFS_SIGNER_WORKFLOW of $CFS_REPOSITORY built it from $commit"
  fi
}

# Downloads and verifies the release, and moves it atomically into its folder.
unpack() {
  local file tarball="$work/release.tar.zst"
  check "$tarball_key" "the key for $arch" "releases/$commit/claudefs-$arch\.tar\.zst"
  check "$tarball_sum" "the sha256 for $arch" '[0-9a-f]{64}'
  check "$bundle_key" "the attestation for $arch" "releases/$commit/[A-Za-z0-9_.-]+"
  get "$tarball_key" "$tarball" "$tarball_sum"
  # The extension tells gh that there may be several attestations, one per line.
  get "$bundle_key" "$work/bundle.jsonl"
  verify_attestation "$tarball" "$work/bundle.jsonl"
  tar --extract --zstd --file "$tarball" --directory "$work/new" --no-same-owner
  for file in "${binaries[@]}"; do
    [[ -f "$work/new/bin/$file" && -x "$work/new/bin/$file" ]] || refuse "it has no program bin/$file"
  done
  cp "$work/release.json" "$work/new/release.json"
  chmod 0755 "$work/new"
  rm --recursive --force "$home/releases/$commit"
  mv --no-target-directory "$work/new" "$home/releases/$commit"
}

switch() {
  local previous='' folder
  if [[ -L $home/current ]]; then
    previous=$(readlink "$home/current")
  fi
  if [[ $previous == "releases/$commit" ]]; then
    return
  fi
  ln --symbolic --force --no-dereference "releases/$commit" "$home/current.new"
  mv --no-target-directory "$home/current.new" "$home/current"
  # The previous release stays for a rollback.
  for folder in "$home"/releases/*; do
    if [[ $folder != "$home/releases/$commit" && $folder != "$home/$previous" ]]; then
      rm --recursive --force "$folder"
    fi
  done
}

restart() {
  local unit status=0
  rm --force "$root/run/claudefs/drained"
  while read -r unit; do
    if ! systemctl restart "$unit"; then
      say "$unit did not start" >&2
      status=1
    fi
  done < <(units)
  return "$status"
}

mkdir --parents "$home/releases" "$root/run/claudefs"
exec 9>"$root/run/claudefs/install.lock"
flock --timeout 600 9 || refuse 'another installation did not end within 10 minutes'
# On the same file system as the releases, so moving a folder is atomic.
work=$(mktemp --directory "$home/.install-XXXXXX")
trap 'rm --recursive --force "$work"' EXIT
mkdir "$work/new"

if (($# == 0)); then
  read_pointer
  if [[ -z $key ]]; then
    say "environment $CFS_ENVIRONMENT has no release yet"
    tag Version none
    exit 0
  fi
elif (($# == 2)); then
  key=$1 sum=$2
else
  echo 'usage: install-release [<key of its release.json> <sha256 of it>]' >&2
  exit 2
fi
[[ $key =~ ^releases/([0-9a-f]{40})/release\.json$ ]] || refuse "'$key' is not the key of a release"
commit=${BASH_REMATCH[1]}
[[ $sum =~ ^[0-9a-f]{64}$ ]] || refuse "'$sum' is not a SHA-256"

get "$key" "$work/release.json" "$sum"
read_values "$work/release.json" .schema .commit .repository .signerWorkflow .version \
  ".artifacts.$arch.key" ".artifacts.$arch.sha256" ".artifacts.$arch.attestation"
check "${values[0]}" 'the schema' 1
check "${values[1]}" 'the commit' "$commit"
check "${values[2]}" 'the repository' "${CFS_REPOSITORY//./\\.}"
check "${values[3]}" 'the signer workflow' "${CFS_SIGNER_WORKFLOW//./\\.}"
check "${values[4]}" 'the version' '[A-Za-z0-9._+-]{1,64}'
version=${values[4]} tarball_key=${values[5]} tarball_sum=${values[6]} bundle_key=${values[7]}

# An unpacked release has already been verified.
if ! cmp --quiet "$work/release.json" "$home/releases/$commit/release.json"; then
  unpack
fi
switch
status=0
restart || status=1
tag Version "$version"
say "release $version of commit $commit installed"
exit "$status"
