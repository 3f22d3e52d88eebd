# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --due, when the new secret was never used: the old one always works, as does what is
# stored, and after the next run that is the old one again.
. "$(dirname "${BASH_SOURCE[0]}")/rotation-due.sh"

A_init() {
  mkdir -p "$1" && rotating_key "$1" && sleep 2
}

A_check() {
  local dir=$1 rc=$2 before

  # Not recorded, as the use of the new secret would keep it.
  valid "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  valid "$dir" <"$dir/stored" || { echo BAD:stored-secret-refused; return; }
  before=$(status "$dir")
  [ "$rc" != 0 ] || { echo BAD:exit0-aborted; return; }
  pk "$dir" rotate --due >/dev/null 2>&1
  [ "$(status "$dir")" = active ] || { echo BAD:not-aborted; return; }
  cmp -s "$dir/stored" "$OUT/old-secret" && is_sound "$dir" || { echo BAD:unsound; return; }
  cmp -s "$dir/read" "$OUT/old-secret" || { echo BAD:not-read; return; }
  valid "$dir" <"$OUT/new-secret" && { echo BAD:new-secret-works; return; }
  echo "ok:$before"
}

valid() {
  pk "$1" verify --no-record >/dev/null 2>&1
}
