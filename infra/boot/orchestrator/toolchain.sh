#!/usr/bin/env bash
# Installs the agents' tools for the user cfs, as that user, and checks out the repository.
set -euo pipefail

# shellcheck source=/dev/null  # written by cloud-init
source "${CFS_ROOT:-}/etc/cfs/machine.env"
# shellcheck source=/dev/null  # versions.env, beside this file
source "${CFS_ROOT:-}/etc/cfs/versions.env"
export PATH="$HOME/.cargo/bin:$HOME/.local/bin:/snap/bin:$PATH"

# rustup verifies downloads with the release's SHA-256 sums, and cargo with the index of crates.
rustup toolchain install "$RUST" --profile minimal --component clippy --component rustfmt
rustup default "$RUST"
cargo install --locked "cargo-audit@$CARGO_AUDIT" "cargo-deny@$CARGO_DENY" "cargo-nextest@$CARGO_NEXTEST"

# npm verifies packages with the registry's SHA-512 sums.
npm install --global --prefix "$HOME/.local" "@anthropic-ai/claude-code@$CLAUDE_CODE" "opencode-ai@$OPENCODE"

# A credential helper passes the token to git, so it is not part of the remote URL.
git config --global credential.https://github.com.helper /usr/local/libexec/cfs/git-credential
if [[ ! -d "$HOME/claudefs/.git" ]]; then
  git clone "https://github.com/$CFS_REPOSITORY.git" "$HOME/claudefs"
fi
