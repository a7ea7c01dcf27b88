#!/usr/bin/env bash
# Apache Kafka's own tests of authorization, run against a gateway: fetches the suite from Maven Central, compiles what
# puts the gateway in the broker's place, runs it and compares the outcome with expected.txt.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly home="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}/interop")"
readonly limit_seconds=1140
scratch=""

usage() {
  cat <<'TEXT'
interop.sh KLAMM [--standard | --partner] [PATTERN]
  run the suite, or the cases whose names match the regular expression, through the program KLAMM: through the virtual
  cluster that is built in, through one of type Standard that hides a prefix, or through a Partner over two Kafka clusters
Environment: CARGO_TARGET_DIR says where jars and classes are kept.
TEXT
}

source "$here/../installing.sh"

fetch() {
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/libs"
}

compile() { javac -nowarn -proc:none -d "$home/classes" -cp "$home/libs/*" "$here"/java/*.java; }

prepare() {
  need java "apt-get install -y openjdk-17-jdk-headless"
  need javac "apt-get install -y openjdk-17-jdk-headless"
  need mvn "apt-get install -y maven"
  mkdir -p "$home"
  (
    flock 9
    stamped libs fetch "$here/pom.xml" "$here/../kafka/pom.xml"
    stamped classes compile "$here/pom.xml" "$here/../kafka/pom.xml" "$here"/java/*.java
  ) 9>"$home/.lock"
}

run() {
  local klamm="$1" kind=passthrough expected=expected.txt
  shift
  case "${1:-}" in
    --standard | --partner)
      kind="${1#--}" expected="expected-${1#--}.txt"
      shift
      ;;
  esac
  (($# <= 1)) || { usage >&2; exit 2; }
  [[ -x "$klamm" ]] || die "$klamm is no program; build it with: cargo build"
  prepare
  scratch="$(mktemp -d "$home/run.XXXXXX")"
  trap 'rm -rf "$scratch"' EXIT
  timeout --kill-after=10 "$limit_seconds" java -Xmx1g -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
    -Djava.io.tmpdir="$scratch" -Dinterop.klamm="$(realpath "$klamm")" -Dinterop.kind="$kind" \
    -Dorg.slf4j.simpleLogger.defaultLogLevel=off \
    -cp "$home/classes:$home/libs/*" Interop "$here/$expected" "$@" 2>"$scratch/log" </dev/null && return 0
  local status=$?
  ((status < 124)) || echo "interop: not finished in $limit_seconds s" >&2
  mv "$scratch/log" "$home/log"
  echo "what the suite itself wrote is in $home/log" >&2
  return "$status"
}

case "${1:-help}" in
  help | -h | --help) usage ;;
  *) run "$@" ;;
esac
