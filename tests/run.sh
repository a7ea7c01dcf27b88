#!/usr/bin/env bash
# All tests, part by part: how long each took, and at the end what failed and how to run that alone. A part that fails
# does not keep the next from running.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly cargo="${CARGO:-cargo}"
# Tests make components panic, and a reason is looked for in vain among the frames of all of them.
export RUST_BACKTRACE=0
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
times=()
failed=()
cores="$(nproc)"
# So many tests at once, where they mostly wait for others.
declare -A threads=([kafka]=$((cores + (cores + 1) / 2)) [nodes]=$((2 * cores)))
readonly cores threads

# The end of what a failed test printed, which has its reason.
reason() {
  awk -v begin="---- $1 stdout ----" '
    $0 == begin { inside = 1; next }
    inside && (/^---- .* stdout ----$/ || /^failures:$/) { exit }
    inside && NF' "$log" | tail -n 8 | cut -c -400 | sed 's/^/    | /'
}

# part NAME ALONE COMMAND…: runs a command. ALONE is how to run it by itself; a test's name goes in the place of %s.
part() {
  local name="$1" alone="$2" begun=$SECONDS status test
  shift 2
  echo
  echo "=== $name"
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  times+=("$(printf '%4d min %02d s  %s' $(((SECONDS - begun) / 60)) $(((SECONDS - begun) % 60)) "$name")")
  ((status == 0)) && return 0
  mapfile -t tests < <(sed -n 's/^test \(.*\) \.\.\. FAILED$/\1/p' "$log" | sed 's/ - should panic$//' | sort -u)
  for test in "${tests[@]}"; do failed+=("$name: $test" "$(reason "$test")" "    ${alone/\%s/ $test}"); done
  ((${#tests[@]})) || failed+=("$name (exit code $status)" "    ${alone/\%s/}")
  return "$status"
}

# Nothing runs that could not be built.
if part build 'make test ARGS=--no-run' "$cargo" test --workspace --locked --no-run; then
  part 'fault run' 'make chaos ARGS="--seconds 15 --seed 1"' \
    "$cargo" run --quiet --locked -p klamm-chaos -- --seconds 15 --seed 1
  part 'faults' 'make faults ARGS="15 1"' chaos/faults.sh 15 1 \
    none pause-follower isolate-follower isolate-leader kill-leader drain
  part 'unit tests' 'make test ARGS="--lib --bins%s"' "$cargo" test --workspace --locked --lib --bins
  for file in tests/*.rs raft/tests/*.rs; do
    target="$(basename "$file" .rs)"
    part "$target" "make test ARGS=\"--test $target%s\"" \
      env RUST_TEST_THREADS="${threads[$target]:-$cores}" "$cargo" test --workspace --locked --test "$target"
  done
fi

printf '\nTime of each part:\n'
printf '  %s\n' "${times[@]}"
if ((${#failed[@]})); then
  printf '\nFailed, and how to run it alone:\n'
  printf '  %s\n' "${failed[@]}"
  exit 1
fi
echo "All passed."
