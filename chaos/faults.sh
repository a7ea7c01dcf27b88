#!/usr/bin/env bash
# faults.sh SECONDS [SEED]: every kind of fault for so long, each with rights that come and go, and a cluster that breaks
# the promise on purpose, which must be found. The end says what failed.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo="${CARGO:-cargo}" seconds="${1:-60}" seed="${2:-$RANDOM}"
failed=()

run() { # WORDS…
  echo
  "$cargo" run --quiet --locked -p klamm-chaos -- rights "$@" --seconds "$seconds" --seed "$seed"
}

for fault in none pause-follower pause-leader isolate-follower isolate-leader kill-leader; do
  run "$fault" || failed+=("$fault")
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
