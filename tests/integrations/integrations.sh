#!/usr/bin/env bash
# Kafka Connect and MirrorMaker 2 from Maven Central: installs them below target/ and runs one in the foreground.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly home="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}/integrations")"
readonly jvm="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData -Dlog4j2.level=ERROR
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.org.apache.kafka.connect=info"

usage() {
  cat <<'TEXT'
integrations.sh install         fetch Kafka Connect and MirrorMaker 2 with Maven, once
integrations.sh connect FILE    run a distributed worker of Kafka Connect with these properties
integrations.sh mirror FILE     run MirrorMaker 2 with these properties
TEXT
}

source "$here/../installing.sh"

make_jars() {
  mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DexcludeArtifactIds=slf4j-reload4j,reload4j -DoutputDirectory="$home/jars"
}

install() {
  need java "apt-get install -y openjdk-17-jdk-headless"
  need mvn "apt-get install -y maven"
  mkdir -p "$home"
  (
    flock 9
    stamped jars make_jars "$here/pom.xml" "$here/../kafka/pom.xml"
  ) 9>"$home/.lock"
}

run() { # CLASS FILE
  install
  exec java $jvm -cp "$home/jars/*" "$@"
}

case "${1:-help} $#" in
  "install 1") install ;;
  "connect 2") run org.apache.kafka.connect.cli.ConnectDistributed "$2" ;;
  "mirror 2") run org.apache.kafka.connect.mirror.MirrorMaker "$2" ;;
  help*) usage ;;
  *) usage >&2; exit 2 ;;
esac
