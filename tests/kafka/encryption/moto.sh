#!/usr/bin/env bash
# moto, which stands in for AWS: installs it, pinned, below target/ and serves KMS and IAM on loopback.
set -euo pipefail

readonly here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
readonly home="$(realpath -m "${CARGO_TARGET_DIR:-$here/../../../target}/clients")"

source "$here/../../installing.sh"

make_moto() {
  python3 -m venv "$home/moto"
  "$home/moto/bin/pip" install --quiet --no-deps --only-binary :all: -r "$here/requirements.txt"
}

install() {
  need python3 "apt-get install -y python3 python3-venv"
  mkdir -p "$home"
  (
    flock 9
    stamped moto make_moto "$here/requirements.txt"
  ) 9>"$home/.lock"
}

case "${1:-}" in
  install) install ;;
  serve)
    install
    exec "$home/moto/bin/moto_server" -H 127.0.0.1 -p "${2:?a port}"
    ;;
  *) die "moto.sh install, or moto.sh serve PORT" ;;
esac
