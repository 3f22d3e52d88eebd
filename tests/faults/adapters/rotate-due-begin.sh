# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --due, of a key that is due: the old secret always works. The next run makes what was
# stored valid, or delivers another one.
. "$(dirname "${BASH_SOURCE[0]}")/rotation-due.sh"

A_init() {
  mkdir -p "$1" && due_key "$1" 1h
}

A_check() {
  local dir=$1 rc=$2 stored=new

  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  cmp -s "$dir/stored" "$OUT/old-secret" && stored=old
  [ "$rc" != 0 ] || is_sound "$dir" || { echo BAD:exit0-unsound; return; }
  [ "$rc" != 0 ] || cmp -s "$dir/stored" "$dir/read" || { echo BAD:exit0-not-read; return; }
  # A run of its own, as the command without a fault.
  pk "$dir" rotate --due >/dev/null 2>&1 || { echo BAD:stuck; return; }
  is_sound "$dir" || { echo BAD:unsound; return; }
  [ "$(status "$dir")" = rotating ] || { echo BAD:not-rotating; return; }
  cmp -s "$dir/stored" "$dir/read" || { echo BAD:not-read; return; }
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-lost; return; }
  echo "ok:$stored"
}
