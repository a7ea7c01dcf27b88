# Sourced by scripts that install what a test needs below target/. They set $home, where to.

die() { echo "$(basename "$0"): $*" >&2; exit 1; }

need() { command -v "$1" >/dev/null || die "$1 is missing; install it with: $2"; }

# stamped NAME COMMAND FILE…: runs the command in a fresh directory $home/NAME unless it has been run for these very files.
stamped() {
  local name="$1" command="$2" sum
  shift 2
  sum="$(cat "$@" | cksum)"
  [[ -f "$home/$name/.complete" && "$(cat "$home/$name/.complete")" == "$sum" ]] && return 0
  rm -rf "${home:?}/$name"
  mkdir -p "$home/$name"
  echo "installing $name …" >&2
  "$command" >"$home/$name.log" 2>&1 </dev/null 9>&- || { tail -40 "$home/$name.log" >&2; die "$name could not be installed"; }
  echo "$sum" >"$home/$name/.complete"
}
