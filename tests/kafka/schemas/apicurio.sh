#!/usr/bin/env bash
# Apicurio Registry with the API of Confluent's registry, and Confluent's serializers for Python: installs both, pinned, below target/,
# serves the registry on loopback, and runs a script with the serializers.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly home="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../../target}/clients")"
# The newest release that runs with Java 17.
readonly version=2.6.13.Final

source "$here/../../installing.sh"

make_apicurio() {
  mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -DoutputDirectory="$home/apicurio" \
    -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all"
  tar xzf "$home/apicurio/apicurio-registry-app-$version-all.tar.gz" -C "$home/apicurio"
  rm "$home/apicurio/apicurio-registry-app-$version-all.tar.gz"
}

make_serializers() {
  python3 -m venv "$home/serializers"
  "$home/serializers/bin/pip" install --quiet --no-deps --only-binary :all: -r "$here/requirements.txt"
}

install() {
  need python3 "apt-get install -y python3 python3-venv"
  need mvn "apt-get install -y maven"
  mkdir -p "$home"
  (
    flock 9
    stamped apicurio make_apicurio "$here/apicurio.sh"
    stamped serializers make_serializers "$here/requirements.txt"
  ) 9>"$home/.lock"
}

case "${1:-}" in
  install) install ;;
  serve)
    install
    exec java -Xmx512m -XX:TieredStopAtLevel=1 -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="${2:?a port}" \
      -jar "$home/apicurio/apicurio-registry-app-$version-runner.jar"
    ;;
  python)
    install
    shift
    exec "$home/serializers/bin/python" "$here/serialized.py" "$@"
    ;;
  *) die "apicurio.sh install, apicurio.sh serve PORT, or apicurio.sh python ARGUMENT…" ;;
esac
