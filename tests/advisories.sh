#!/usr/bin/env bash
# Whether an advisory is known for a dependency (RustSec): a vulnerability, unsound code, a crate that nobody maintains.
# Exceptions stand in deny.toml, each with its date, its reason and what ends it.
#
#   advisories.sh              cargo-deny fetches the database
#   advisories.sh DB           DB is a clone of https://github.com/RustSec/advisory-db
#   advisories.sh --at-hand    the database that cargo-deny fetched before, if there is one and it is no older than 90 days
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo="${CARGO:-cargo}" url=https://github.com/RustSec/advisory-db

# Not a failure: not everybody who builds the gateway has the database.
not_checked() { echo "advisories: not checked ($1); make advisories does that"; exit 0; }

if ! "$cargo" deny --version >/dev/null 2>&1; then
  [[ "${1:-}" == --at-hand ]] && not_checked "cargo-deny is missing"
  echo "cargo-deny is missing; install it with: cargo install --locked cargo-deny" >&2
  exit 2
fi

case "${1:-}" in
  --at-hand)
    fetched="$(find "${CARGO_HOME:-$HOME/.cargo}"/advisory-dbs -maxdepth 1 -name 'advisory-db-*' -mtime -90 2>/dev/null || true)"
    [[ -n "$fetched" ]] || not_checked "no database that is younger than 90 days"
    "$cargo" deny --offline check advisories
    ;;
  '') "$cargo" deny check advisories ;;
  *)
    db="$(cd "$1" 2>/dev/null && pwd)" || { echo "there is no directory $1" >&2; exit 2; }
    at="$(git -C "$db" log -1 --format='%h of %cs' main 2>/dev/null)" ||
      { echo "$1 is no clone of $url with a branch main" >&2; exit 2; }
    echo "advisory database at $at"
    # What would be fetched from the address comes from the directory.
    export GIT_CONFIG_COUNT=1 "GIT_CONFIG_KEY_0=url.file://$db.insteadOf" "GIT_CONFIG_VALUE_0=$url"
    "$cargo" deny check advisories
    ;;
esac
