# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --due, when only the new secret has been used: it always works, and after the next run
# the old one does not.
. "$(dirname "${BASH_SOURCE[0]}")/rotation-due.sh"

A_init() {
  mkdir -p "$1" && rotating_key "$1" && verify "$1" <"$1/stored" && sleep 2
}

A_check() {
  local dir=$1 rc=$2 before

  verify "$dir" <"$OUT/new-secret" || { echo BAD:new-secret-refused; return; }
  before=$(status "$dir")
  [ "$rc" != 0 ] || [ "$before" = active ] || { echo BAD:exit0-unfinished; return; }
  pk "$dir" rotate --due >/dev/null 2>&1 || { echo BAD:stuck; return; }
  [ "$(status "$dir")" = active ] || { echo BAD:not-finished; return; }
  cmp -s "$dir/stored" "$OUT/new-secret" && is_sound "$dir" || { echo BAD:unsound; return; }
  verify "$dir" <"$OUT/old-secret" && { echo BAD:old-secret-works; return; }
  echo "ok:$before"
}
