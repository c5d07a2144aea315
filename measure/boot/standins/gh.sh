#!/bin/bash
# Stand-in for `gh attestation verify`: the bundle is a JSON object with what must be proven. GitHub's own program
# verifies signatures that only GitHub can create.
set -euo pipefail

[[ "$1 $2" == 'attestation verify' ]] || exit 64
file=$3
shift 3
declare -A given=()
while (($#)); do
  if [[ $1 == --deny-self-hosted-runners ]]; then
    shift
  else
    given[$1]=$2
    shift 2
  fi
done
jq --exit-status --arg sha256 "$(sha256sum <"$file" | cut --delimiter ' ' --fields 1)" --arg repo "${given[--repo]}" \
  --arg workflow "${given[--signer-workflow]}" --arg commit "${given[--source-digest]}" \
  '. == {sha256: $sha256, repo: $repo, workflow: $workflow, commit: $commit}' "${given[--bundle]}"
