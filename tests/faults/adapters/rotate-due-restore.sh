# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --due, when the new secret was never used: both always work, and after the next run the
# old one is stored again.
. "$(dirname "${BASH_SOURCE[0]}")/rotation-due.sh"

A_init() {
  # A slow run must not also remove the new secret.
  mkdir -p "$1" && unused_key "$1" && pk "$1" set web --settle 1m >/dev/null 2>&1
}

A_check() {
  local dir=$1 stored=new

  valid "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  valid "$dir" <"$OUT/new-secret" || { echo BAD:new-secret-refused; return; }
  cmp -s "$dir/stored" "$OUT/old-secret" && stored=old
  [ $stored = old ] || cmp -s "$dir/stored" "$OUT/new-secret" || { echo BAD:something-stored; return; }
  pk "$dir" rotate --due >/dev/null 2>&1
  cmp -s "$dir/stored" "$OUT/old-secret" && is_sound "$dir" || { echo BAD:not-restored; return; }
  cmp -s "$dir/read" "$OUT/old-secret" || { echo BAD:not-read; return; }
  echo "ok:$stored"
}
