#!/usr/bin/env bash
# faults.sh SECONDS [SEED] [FAULT…]: every kind of fault, or these, for so long, each with rights that come and go, and a
# cluster that breaks the promise on purpose, which must be found. The end says what failed, and what shows nothing because
# a tool for it is missing.
# faults.sh list: the names of all kinds in which rights come and go.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly all=(none pause-follower pause-leader isolate-follower isolate-leader kill-leader one-way late-follower lease-clock
  day-clock full-disk slow-disk drain snapshot members)
# Those in which no right comes and goes: of disks, of two Kafka clusters, and of two versions.
readonly others=(corrupt backup switch upgrade)
if [[ "${1:-}" == list ]]; then
  printf '%s\n' "${all[@]}"
  exit
fi

readonly cargo="${CARGO:-cargo}" seconds="${1:-60}" seed="${2:-$RANDOM}"
readonly planted="${CARGO_TARGET_DIR:-target}/debug/planted/klamm"
faults=("${@:3}")
((${#faults[@]})) || faults=("${all[@]}" "${others[@]}")
failed=()

run() { # WORDS…
  local binary=() kind=(rights)
  [[ " ${others[*]} " == *" $1 "* ]] && kind=()
  [[ "$1" == lease-clock ]] && binary=(--binary "$planted")
  echo
  "$cargo" run --quiet --locked -p klamm-chaos -- "${binary[@]}" "${kind[@]}" "$@" --seconds "$seconds" --seed "$seed"
}

for fault in "${faults[@]}"; do
  run "$fault"
  case $? in
    0) ;;
    2) failed+=("$fault: it shows nothing") ;;
    *) failed+=("$fault") ;;
  esac
done
# Nodes that decide whatever they hear: a run that does not find that finds nothing.
if output="$(run isolate-follower --decide)"; then
  failed+=("isolate-follower --decide: nothing was found")
fi
printf '%s\n' "$output"
[[ "$output" == *"verdict: INVALID"* ]] || failed+=("isolate-follower --decide: it did not end with INVALID")

echo
if ((${#failed[@]})); then
  printf 'failed: %s\n' "${failed[@]}"
  exit 1
fi
echo "All faults were borne."
