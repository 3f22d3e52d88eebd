# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --due, when the destination has the old secret again: that always works, and after the
# next run the new one does not.
. "$(dirname "${BASH_SOURCE[0]}")/rotation-due.sh"

A_init() {
  mkdir -p "$1" && unused_key "$1" && pk "$1" rotate --due >/dev/null 2>&1 && sleep 2
}

A_check() {
  local dir=$1 rc=$2 before

  valid "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  before=$(status "$dir")
  [ "$rc" != 0 ] || { echo BAD:exit0-aborted; return; }
  pk "$dir" rotate --due >/dev/null 2>&1
  [ "$(status "$dir")" = active ] || { echo BAD:not-aborted; return; }
  cmp -s "$dir/stored" "$OUT/old-secret" && is_sound "$dir" || { echo BAD:unsound; return; }
  valid "$dir" <"$OUT/new-secret" && { echo BAD:new-secret-works; return; }
  echo "ok:$before"
}
