#!/usr/bin/env bash
# Real Apache Kafka for tests, benchmarks and the quickstart: installs it from Maven Central, runs throw-away
# KRaft clusters on loopback and the stock command line tools. `kafka.sh help` lists the commands.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
home="$(realpath -m "${KLAMM_KAFKA_HOME:-${CARGO_TARGET_DIR:-$here/../../target}/kafka}")"
libs="$home/libs"
readonly run_dir="$home/run"
readonly ready_line="Kafka Server started"
readonly ready_seconds=60
# A broker of our own must start quickly and stay small: client compiler only, serial collector.
jvm="${KLAMM_KAFKA_JVM:--Xmx256m -XX:TieredStopAtLevel=1}"
readonly jvm_quiet="-XX:+UseSerialGC -XX:-UsePerfData -Xlog:disable -Xlog:all=error:stderr
  -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info
  -Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error"

usage() {
  cat <<'TEXT'
kafka.sh install                      fetch Apache Kafka with Maven, once
kafka.sh start NAME PORT [OPTION…]    start a cluster in the background; returns when it serves
kafka.sh run NAME PORT [OPTION…]      the same in the foreground: says "ready", ends when standard input closes
kafka.sh stop NAME|--all              end a cluster of `start` and delete its data
kafka.sh status                       list the clusters of `start`
kafka.sh tool TOOL ARGUMENT…          run a stock tool: kafka-topics, kafka-acls, kafka-console-producer, …
kafka.sh kcat ARGUMENT…               run kcat; installs it with apt-get when it is missing
kafka.sh classpath                    print the class path, for tools that start Java themselves
kafka.sh classes                      print which class each stock tool is

A broker uses two ports: PORT for clients, PORT+1 for the controller; further nodes follow at PORT+2, PORT+4.
OPTIONs:
  --dir DIR            keep data in DIR and do not delete it
  --nodes N            1 (default) or 3 brokers, in the racks rack-1 to rack-3
  --release VERSION    brokers of another release of Apache Kafka, fetched once (must come first), such as 3.9.1
  --sasl PORT          one more listener, SASL_PLAINTEXT with PLAIN, on PORT (PORT+1, … for further nodes)
  --user NAME=PASSWORD a login for it (repeatable; default gateway=gateway-secret)
  --ssl PORT PEM       one more listener, TLS, on PORT; PEM holds the private key (PKCS #8) and the certificates
  --authorizer USER    StandardAuthorizer with this super user (User:ANONYMOUS is one too)
  --plugin SOURCE      a reporter of metrics: a Java file whose class is called like the file
  --jvm OPTIONS        replaces the options of the broker's Java
  --set KEY=VALUE      any broker property
Environment: CARGO_TARGET_DIR or KLAMM_KAFKA_HOME say where things go, KLAMM_KAFKA_JVM replaces the options of every Java.
TEXT
}

die() { echo "kafka.sh: $*" >&2; exit 1; }

need() { command -v "$1" >/dev/null || die "$1 is missing; install it with: apt-get install -y $2"; }

# ---------------------------------------------------------------- install

release=""

# use_release [--release VERSION …]: another release has a home of its own.
use_release() {
  [[ "${1:-}" == --release ]] || return 0
  [[ "${2:-}" =~ ^[0-9]+(\.[0-9]+)+$ ]] || die "--release needs a version"
  release="$2"
  home="$home/$release"
  libs="$home/libs"
}

stamp() { cksum <"$here/pom.xml" | cut -d' ' -f1; }

install() {
  [[ -f "$libs/.complete" && "$(cat "$libs/.complete")" == "$(stamp)" ]] && return 0
  need java openjdk-17-jdk-headless
  need mvn maven
  mkdir -p "$home"
  (
    flock 9
    [[ -f "$libs/.complete" && "$(cat "$libs/.complete")" == "$(stamp)" ]] && exit 0
    local fresh="$home/libs.new"
    rm -rf "$fresh"
    echo "fetching Apache Kafka $release with Maven …" >&2
    mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
      -DexcludeArtifactIds=slf4j-reload4j,reload4j ${release:+"-Dkafka.version=$release"} \
      -DoutputDirectory="$fresh" >&2 </dev/null || die "Maven could not fetch Apache Kafka"
    rm -rf "$libs" "$home/template" "$home"/*.jsa
    mv "$fresh" "$libs"
    make_template
    make_archives || rm -f "$home"/*.jsa
    stamp >"$libs/.complete"
  ) 9>"$home/.lock"
}

# A formatted, empty data directory; a new broker copies it, which saves one start of Java.
make_template() {
  local template="$home/template"
  mkdir -p "$template"
  printf '%s\n' process.roles=broker,controller node.id=1 controller.quorum.voters=1@127.0.0.1:1 \
    listeners=PLAINTEXT://127.0.0.1:2,CONTROLLER://127.0.0.1:1 controller.listener.names=CONTROLLER \
    "log.dirs=$template/data" >"$template/server.properties"
  java $jvm_quiet -cp "$libs/*" kafka.tools.StorageTool format -t "$(cluster_id)" \
    -c "$template/server.properties" >"$template/log" 2>&1 9>&- || { cat "$template/log" >&2; die "cannot format"; }
}

# Class data archives halve the start of the broker and of every tool. They are a convenience: without them all
# works the same.
make_archives() {
  local dir="$home/warm" port=$((20000 + RANDOM % 10000)) pid
  rm -rf "$dir"
  prepare_node "$dir" "$port" 1 "$(cluster_id)" 1
  java $jvm $jvm_quiet -XX:ArchiveClassesAtExit="$home/broker.jsa" -cp "$libs/*" kafka.Kafka "$dir/server.properties" \
    </dev/null >"$dir/log" 2>&1 9>&- &
  pid=$!
  await_ready "$dir/log" "$pid" || { kill -9 "$pid" 2>/dev/null; return 1; }
  java $jvm $jvm_quiet -XX:ArchiveClassesAtExit="$home/tools.jsa" -cp "$libs/*" org.apache.kafka.tools.TopicCommand \
    --bootstrap-server "127.0.0.1:$port" --create --topic warm >/dev/null 2>&1 9>&- || true
  kill "$pid"
  wait "$pid" || true
  rm -rf "$dir"
}

archive() { [[ -f "$home/$1.jsa" ]] && echo "-XX:SharedArchiveFile=$home/$1.jsa" || true; }

# ---------------------------------------------------------------- clusters

cluster_id() { head -c 16 /dev/urandom | base64 | tr '+/' 'ab' | tr -d '='; }

nodes=1 keep_dir="" sasl_port="" ssl_port="" ssl_pem="" super_user=""
users=() extra=() plugins=""

parse_options() {
  while (($#)); do
    case "$1" in
      --dir) keep_dir="$2"; shift 2 ;;
      --nodes) nodes="$2"; shift 2 ;;
      --sasl) sasl_port="$2"; shift 2 ;;
      --user) users+=("$2"); shift 2 ;;
      --ssl) ssl_port="$2"; ssl_pem="$(realpath "$3")"; shift 3 ;;
      --authorizer) super_user="$2"; shift 2 ;;
      --plugin) plug_in "$2"; shift 2 ;;
      --jvm) jvm="$2"; shift 2 ;;
      --release) shift 2 ;;
      --set) extra+=("$2"); shift 2 ;;
      *) die "unknown option $1" ;;
    esac
  done
  ((${#users[@]})) || users=("gateway=gateway-secret")
}

# plug_in SOURCE: compiles it, once.
plug_in() {
  local class made
  class="$(basename "$1" .java)"
  plugins="$home/plugins"
  if [[ ! "$plugins/$class.class" -nt "$1" ]]; then
    mkdir -p "$plugins"
    made="$(mktemp -d "$home/plugins.XXXXXX")"
    java -m jdk.compiler/com.sun.tools.javac.Main -cp "$(printf '%s:' "$libs"/*.jar)" -d "$made" "$1" >&2 || die "cannot compile $1"
    mv "$made"/*.class "$plugins/"
    rmdir "$made"
  fi
  extra+=("metric.reporters=$class")
}

# prepare_node DIR FIRST_PORT NODE_ID CLUSTER_ID NODES: writes the configuration and a formatted data directory.
prepare_node() {
  local dir="$1" first="$2" id="$3" cluster="$4" count="$5" port n
  port=$((first + 2 * (id - 1)))
  mkdir -p "$dir/data"
  cp "$home/template/data/bootstrap.checkpoint" "$dir/data/"
  if [[ ! -f "$dir/data/meta.properties" ]]; then
    printf '%s\n' version=1 "cluster.id=$cluster" "node.id=$id" "directory.id=$(cluster_id)" >"$dir/data/meta.properties"
  fi
  local voters="" replicas="$count" in_sync=1
  for ((n = 1; n <= count; n++)); do voters+="${voters:+,}$n@127.0.0.1:$((first + 2 * (n - 1) + 1))"; done
  ((count >= 3)) && in_sync=2
  local listeners="PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1))"
  {
    [[ -n "$sasl_port" ]] && listeners+=",SASL_PLAINTEXT://127.0.0.1:$((sasl_port + id - 1))" && sasl_properties
    [[ -n "$ssl_port" ]] && listeners+=",SSL://127.0.0.1:$((ssl_port + id - 1))" &&
      printf '%s\n' ssl.keystore.type=PEM "ssl.keystore.location=$ssl_pem"
    ((count > 1)) && echo "broker.rack=rack-$id"
    [[ -n "$super_user" ]] && printf '%s\n' \
      authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer \
      "super.users=User:ANONYMOUS;User:$super_user"
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$id
controller.quorum.voters=$voters
controller.listener.names=CONTROLLER
listeners=$listeners
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT,SSL:SSL
log.dirs=$dir/data
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
metadata.max.idle.interval.ms=0
default.replication.factor=$replicas
min.insync.replicas=$in_sync
offsets.topic.num.partitions=2
offsets.topic.replication.factor=$replicas
transaction.state.log.num.partitions=2
transaction.state.log.replication.factor=$replicas
transaction.state.log.min.isr=$in_sync
share.coordinator.state.topic.num.partitions=2
share.coordinator.state.topic.replication.factor=$replicas
share.coordinator.state.topic.min.isr=$in_sync
num.network.threads=2
num.io.threads=2
num.recovery.threads.per.data.dir=1
log.cleaner.dedupe.buffer.size=4194304
PROPERTIES
    ((${#extra[@]})) && printf '%s\n' "${extra[@]}"
    true
  } >"$dir/server.properties"
}

sasl_properties() {
  local jaas="org.apache.kafka.common.security.plain.PlainLoginModule required" user
  for user in "${users[@]}"; do jaas+=" user_${user%%=*}=\"${user#*=}\""; done
  printf '%s\n' sasl.enabled.mechanisms=PLAIN "listener.name.sasl_plaintext.plain.sasl.jaas.config=$jaas;"
}

await_ready() {
  local log="$1" pid="$2" deadline=$((SECONDS + ready_seconds))
  until grep -q "$ready_line" "$log" 2>/dev/null; do
    kill -0 "$pid" 2>/dev/null || { cat "$log" >&2; echo "kafka.sh: the broker ended" >&2; return 1; }
    ((SECONDS < deadline)) || { tail -50 "$log" >&2; echo "kafka.sh: no broker in $ready_seconds s" >&2; return 1; }
    sleep 0.05
  done
}

brokers=() cluster_dir="" made_dir=""

end_cluster() {
  ((${#brokers[@]})) && kill -9 "${brokers[@]}" 2>/dev/null
  wait 2>/dev/null
  [[ -n "$made_dir" ]] && rm -rf "$made_dir"
  true
}

# What a killed guardian could not delete.
remove_orphans() {
  local file
  for file in "$run_dir"/*/guardian; do
    [[ -f "$file" ]] && ! kill -0 "$(cat "$file")" 2>/dev/null && rm -rf "$(dirname "$file")"
  done
  true
}

# launch NAME PORT OPTION…: starts the brokers as children of this shell and waits until all serve.
launch() {
  local name="$1" port="$2" id cluster guard=()
  shift 2
  parse_options "$@"
  [[ "$name" =~ ^[A-Za-z0-9_-]+$ ]] || die "a cluster's name consists of letters, digits, - and _"
  [[ "$port" =~ ^[0-9]+$ ]] || die "PORT is a number, not $port"
  mkdir -p "$run_dir"
  if [[ -n "$keep_dir" ]]; then
    mkdir -p "$keep_dir"
    cluster_dir="$(realpath "$keep_dir")"
  else
    remove_orphans
    made_dir="$(mktemp -d "$run_dir/$name.XXXXXX")"
    echo "$$" >"$made_dir/guardian"
    cluster_dir="$made_dir"
  fi
  trap end_cluster EXIT
  trap 'exit 143' TERM INT HUP
  cluster="$(cluster_id)"
  # The kernel ends the broker even if this shell is killed in a way that it cannot handle.
  command -v setpriv >/dev/null && guard=(setpriv --pdeathsig KILL)
  for ((id = 1; id <= nodes; id++)); do
    prepare_node "$cluster_dir/$id" "$port" "$id" "$cluster" "$nodes"
    "${guard[@]}" java $jvm $jvm_quiet $(archive broker) -cp "$libs/*${plugins:+:$plugins}" kafka.Kafka "$cluster_dir/$id/server.properties" \
      </dev/null >"$cluster_dir/$id/log" 2>&1 &
    brokers+=("$!")
    echo "$!" >"$cluster_dir/$id/pid"
  done
  for ((id = 1; id <= nodes; id++)); do await_ready "$cluster_dir/$id/log" "${brokers[id - 1]}" || exit 1; done
}

run() {
  (($# >= 2)) || die "run needs NAME and PORT"
  use_release "${@:3}"
  install
  launch "$@"
  echo "ready $cluster_dir"
  cat <&0 >/dev/null &
  wait "$!"
}

start() {
  (($# >= 2)) || die "start needs NAME and PORT"
  use_release "${@:3}"
  install
  local name="$1" pid_file="$run_dir/$1.pid" log="$run_dir/$1.log" pid deadline
  mkdir -p "$run_dir"
  [[ -f "$pid_file" ]] && kill -0 "$(cat "$pid_file")" 2>/dev/null && die "$name runs already"
  setsid "$BASH" "${BASH_SOURCE[0]}" __background "$@" </dev/null >"$log" 2>&1 &
  pid=$!
  echo "$pid" >"$pid_file"
  deadline=$((SECONDS + ready_seconds + 5))
  until grep -q '^ready ' "$log"; do
    kill -0 "$pid" 2>/dev/null || { cat "$log" >&2; rm -f "$pid_file" "$log"; die "$name did not start"; }
    ((SECONDS < deadline)) || { cat "$log" >&2; stop "$name"; die "$name did not start in time"; }
    sleep 0.05
  done
  echo "$name serves on 127.0.0.1:$2"
}

background() {
  use_release "${@:3}"
  launch "$@"
  echo "ready $cluster_dir"
  wait
}

stop() {
  local pid_file pid i
  if [[ "${1:-}" == --all ]]; then
    for pid_file in "$run_dir"/*.pid; do [[ -f "$pid_file" ]] && stop "$(basename "$pid_file" .pid)"; done
    return 0
  fi
  [[ -n "${1:-}" ]] || die "stop needs NAME or --all"
  pid_file="$run_dir/$1.pid"
  [[ -f "$pid_file" ]] || die "no cluster of the name $1"
  pid="$(cat "$pid_file")"
  kill "$pid" 2>/dev/null || true
  for ((i = 0; i < 100; i++)); do kill -0 "$pid" 2>/dev/null || break; sleep 0.05; done
  rm -f "$pid_file" "$run_dir/$1.log"
}

status() {
  local pid_file name
  for pid_file in "$run_dir"/*.pid; do
    [[ -f "$pid_file" ]] || continue
    name="$(basename "$pid_file" .pid)"
    if kill -0 "$(cat "$pid_file")" 2>/dev/null; then echo "$name runs"; else echo "$name has died"; fi
  done
}

# ---------------------------------------------------------------- tools

# The stock tools and their classes, one NAME=CLASS per line.
classes() {
  cat <<'TABLE'
kafka-acls=org.apache.kafka.tools.AclCommand
kafka-broker-api-versions=org.apache.kafka.tools.BrokerApiVersionsCommand
kafka-client-metrics=org.apache.kafka.tools.ClientMetricsCommand
kafka-cluster=org.apache.kafka.tools.ClusterTool
kafka-configs=kafka.admin.ConfigCommand
kafka-console-consumer=org.apache.kafka.tools.consumer.ConsoleConsumer
kafka-console-producer=org.apache.kafka.tools.ConsoleProducer
kafka-console-share-consumer=org.apache.kafka.tools.consumer.ConsoleShareConsumer
kafka-consumer-groups=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand
kafka-consumer-perf-test=org.apache.kafka.tools.ConsumerPerformance
kafka-delegation-tokens=org.apache.kafka.tools.DelegationTokenCommand
kafka-delete-records=org.apache.kafka.tools.DeleteRecordsCommand
kafka-dump-log=org.apache.kafka.tools.DumpLogSegments
kafka-e2e-latency=org.apache.kafka.tools.EndToEndLatency
kafka-features=org.apache.kafka.tools.FeatureCommand
kafka-get-offsets=org.apache.kafka.tools.GetOffsetShell
kafka-groups=org.apache.kafka.tools.GroupsCommand
kafka-leader-election=org.apache.kafka.tools.LeaderElectionCommand
kafka-log-dirs=org.apache.kafka.tools.LogDirsCommand
kafka-metadata-quorum=org.apache.kafka.tools.MetadataQuorumCommand
kafka-producer-perf-test=org.apache.kafka.tools.ProducerPerformance
kafka-reassign-partitions=org.apache.kafka.tools.reassign.ReassignPartitionsCommand
kafka-replica-verification=org.apache.kafka.tools.ReplicaVerificationTool
kafka-share-groups=org.apache.kafka.tools.consumer.group.ShareGroupCommand
kafka-storage=kafka.tools.StorageTool
kafka-streams-groups=org.apache.kafka.tools.streams.StreamsGroupCommand
kafka-topics=org.apache.kafka.tools.TopicCommand
kafka-transactions=org.apache.kafka.tools.TransactionsCommand
kafka-verifiable-consumer=org.apache.kafka.tools.VerifiableConsumer
kafka-verifiable-producer=org.apache.kafka.tools.VerifiableProducer
kafka-verifiable-share-consumer=org.apache.kafka.tools.VerifiableShareConsumer
TABLE
}

tool_class() {
  local line
  [[ "$1" == *.* ]] && echo "$1" && return 0
  line="$(classes | grep "^$1=")" || die "unknown tool $1"
  echo "${line#*=}"
}

tool() {
  (($#)) || die "tool needs a name"
  install
  local class
  class="$(tool_class "${1%.sh}")"
  shift
  exec java $jvm $jvm_quiet $(archive tools) -cp "$libs/*" "$class" "$@"
}

run_kcat() {
  if ! command -v kcat >/dev/null; then
    [[ "$(id -u)" == 0 ]] || die "kcat is missing; install it with: sudo apt-get install -y kcat"
    (
      flock 9
      command -v kcat >/dev/null && exit 0
      mkdir -p "$home"
      echo "installing kcat …" >&2
      { apt-get install -y -q kcat || { apt-get update -q && apt-get install -y -q kcat; }; } >"$home/apt.log" 2>&1 9>&- ||
        { cat "$home/apt.log" >&2; die "kcat could not be installed with: apt-get install -y kcat"; }
    ) 9>"${TMPDIR:-/tmp}/klamm-kcat.lock"
  fi
  exec kcat "$@"
}

case "${1:-help}" in
  install) install ;;
  start) shift; start "$@" ;;
  run) shift; run "$@" ;;
  __background) shift; background "$@" ;;
  stop) shift; stop "$@" ;;
  status) status ;;
  tool) shift; tool "$@" ;;
  kcat) shift; run_kcat "$@" ;;
  classpath) install; echo "$libs/*" ;;
  classes) classes ;;
  help | -h | --help) usage ;;
  *) usage >&2; exit 2 ;;
esac
