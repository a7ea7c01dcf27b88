#!/usr/bin/env bash
# planted.sh build: makes the nodes that can make mistakes, and puts them beside the others.
# planted.sh [SECONDS] [SEED]: nodes that make a mistake with leases, disks, members, switches or upgrades on purpose, one
# after the other, each under the fault that shows it. Each must be found. The end says what went unnoticed.
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

planted() { # MISTAKE WHAT-IS-FOUND FAULT…
  local output program=(--binary "$binary")
  # Whose nodes make no mistakes until they are upgraded.
  [[ "$3" == upgrade ]] && program=(--binary "$directory/klamm")
  echo
  echo "=== $1"
  output="$("$cargo" run --quiet --locked -p klamm-chaos -- "${program[@]}" \
    "${@:3}" --mistake "$1" --seconds "$seconds" --seed "$seed")"
  printf '%s\n' "$output"
  [[ "$output" == *"$2"*"verdict: INVALID"* ]] || unnoticed+=("$1 under ${*:3}")
}

lease() { # MISTAKE FAULT
  planted "$1" "requests were allowed after the right was gone" rights "$2"
}

lease acknowledged-at-commit isolate-follower
lease lease-ignored isolate-follower
lease view-first pause-follower
lease old-clock pause-follower
lease new-leader-knows-nobody isolate-leader
lease not-confirmed isolate-leader
lease from-receipt late-follower
lease no-margin lease-clock
lease counts-before-shown isolate-follower
planted number-given-twice "was given twice" rights members
planted copies-taken "began with an old copy and serves" corrupt
planted opened-at-once "requests reached a cluster that was left" switch
planted marks-kept "errors after which they give up" switch
planted raised-too-early "raised while an older node is there" upgrade

echo
if ((${#unnoticed[@]})); then
  printf 'unnoticed: %s\n' "${unnoticed[@]}"
  exit 1
fi
echo "Every mistake was found."
