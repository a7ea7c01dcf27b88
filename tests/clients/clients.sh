#!/usr/bin/env bash
# The clients that are not in Kafka's own jars: installs each, pinned, below target/ and runs its program.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly home="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../target}/clients")"
readonly jvm="-Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -XX:-UsePerfData
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn"

usage() {
  cat <<'TEXT'
clients.sh install [CLIENT…]       fetch and build what the clients need, once: all of them, or those named
clients.sh login CLIENT            run its program of logins: one a line of the input, in JSON; says what came of each
clients.sh run CLIENT SCENARIO     run a client's program; it says "ok STEP", "cannot STEP: why" or "failed STEP: error"
CLIENTs: java-3.9 streams librdkafka aiokafka kafka-python franz-go sarama kafkajs
TEXT
}

source "$here/../installing.sh"

jars() { # POM DIRECTORY
  mvn -q -B -f "$here/java/$1" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$home/$2"
}
make_java_39() { jars clients-3.9.xml java-3.9; }
make_streams() { jars streams.xml streams; }

make_python() {
  python3 -m venv "$home/python"
  "$home/python/bin/pip" install --quiet --no-deps --only-binary :all: -r "$here/python/requirements.txt"
}

make_go() {
  cd "$here/go"
  go build -trimpath -o "$home/go/" ./franz-go ./franz-go-login ./pace ./sarama ./sarama-login ./switched
}

make_kafkajs() {
  cp "$here/kafkajs/package.json" "$here/kafkajs/package-lock.json" "$home/kafkajs/"
  cd "$home/kafkajs"
  npm ci --silent --no-audit --no-fund --ignore-scripts
}

install_one() {
  case "$1" in
    java-3.9) need mvn "apt-get install -y maven"; stamped java-3.9 make_java_39 "$here/java/clients-3.9.xml" ;;
    streams)
      need mvn "apt-get install -y maven"
      stamped streams make_streams "$here/java/streams.xml" "$here/../kafka/pom.xml"
      ;;
    librdkafka | aiokafka | kafka-python)
      need python3 "apt-get install -y python3 python3-venv"
      stamped python make_python "$here/python/requirements.txt"
      ;;
    franz-go | sarama)
      need go "apt-get install -y golang-go (1.21 or later: it fetches what go.mod names)"
      stamped go make_go "$here"/go/go.* "$here"/go/*/*.go
      ;;
    kafkajs) need npm "apt-get install -y npm"; stamped kafkajs make_kafkajs "$here"/kafkajs/package*.json ;;
    *) die "unknown client $1" ;;
  esac
}

install() {
  mkdir -p "$home"
  (
    flock 9
    for client in "$@"; do install_one "$client"; done
  ) 9>"$home/.lock"
}

run() {
  local client="$1" scenario="$2"
  local of="${client%-pace}"
  install "${of%-switched}"
  case "$client" in
    librdkafka-pace) exec "$home/python/bin/python" -B "$here/python/pace.py" "$scenario" ;;
    franz-go-pace) exec "$home/go/pace" "$scenario" ;;
    librdkafka-switched) exec "$home/python/bin/python" -B "$here/python/switched.py" "$scenario" ;;
    franz-go-switched) exec "$home/go/switched" "$scenario" ;;
    java-3.9-switched) exec java $jvm -cp "$home/java-3.9/*" "$here/java/Switched.java" "$scenario" ;;
    java-3.9) exec java $jvm -cp "$home/java-3.9/*" "$here/java/Client.java" "$scenario" ;;
    streams) exec java $jvm -cp "$home/streams/*" "$here/java/Streams.java" "$scenario" ;;
    librdkafka) exec "$home/python/bin/python" -B "$here/python/librdkafka.py" "$scenario" ;;
    aiokafka) exec "$home/python/bin/python" -B "$here/python/with_aiokafka.py" "$scenario" ;;
    kafka-python) exec "$home/python/bin/python" -B "$here/python/kafka_python.py" "$scenario" ;;
    franz-go | sarama) exec "$home/go/$client" "$scenario" ;;
    kafkajs) NODE_PATH="$home/kafkajs/node_modules" KAFKAJS_NO_PARTITIONER_WARNING=1 exec node "$here/kafkajs/client.js" "$scenario" ;;
  esac
}

login() {
  local client="$1"
  install "$client"
  case "$client" in
    librdkafka) exec "$home/python/bin/python" -B "$here/python/login_librdkafka.py" ;;
    aiokafka) exec "$home/python/bin/python" -B "$here/python/login_aiokafka.py" ;;
    franz-go | sarama) exec "$home/go/$client-login" ;;
    kafkajs) NODE_PATH="$home/kafkajs/node_modules" KAFKAJS_NO_PARTITIONER_WARNING=1 exec node "$here/kafkajs/login.js" ;;
    *) die "nobody wrote logins for $client" ;;
  esac
}

case "${1:-help}" in
  install)
    shift
    (($#)) || set -- java-3.9 streams librdkafka aiokafka kafka-python franz-go sarama kafkajs
    install "$@"
    ;;
  login) (($# == 2)) || { usage >&2; exit 2; }; login "$2" ;;
  run) (($# == 3)) || { usage >&2; exit 2; }; run "$2" "$3" ;;
  help | -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
