#!/usr/bin/env bash
# planted.sh build: makes the nodes that can make mistakes, and puts them beside the others.
# planted.sh [SECONDS] [SEED]: nodes that make a mistake with leases on purpose, one mistake after the other, each under the
# fault that shows it. Each must be found. The end says what went unnoticed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo="${CARGO:-cargo}" directory="${CARGO_TARGET_DIR:-target}/debug"
readonly binary="$directory/planted/klamm"

if [[ "${1:-}" == build ]]; then
  "$cargo" build --workspace --locked --features klamm/planted || exit
  mkdir -p "$directory/planted"
  cp "$directory/klamm" "$binary.new" && mv "$binary.new" "$binary"
  exit
fi

readonly seconds="${1:-40}" seed="${2:-$RANDOM}"
unnoticed=()

planted() { # MISTAKE FAULT
  local output
  echo
  echo "=== $1"
  output="$("$cargo" run --quiet --locked -p klamm-chaos -- --binary "$binary" \
    rights "$2" --mistake "$1" --seconds "$seconds" --seed "$seed")"
  printf '%s\n' "$output"
  [[ "$output" == *"requests were allowed after the right was gone"*"verdict: INVALID"* ]] || unnoticed+=("$1 under $2")
}

planted acknowledged-at-commit isolate-follower
planted lease-ignored isolate-follower
planted view-first pause-follower
planted old-clock pause-follower
planted new-leader-knows-nobody isolate-leader
planted not-confirmed isolate-leader
planted from-receipt late-follower
planted no-margin lease-clock
planted counts-before-shown isolate-follower

echo
if ((${#unnoticed[@]})); then
  printf 'unnoticed: %s\n' "${unnoticed[@]}"
  exit 1
fi
echo "Every mistake was found."
