# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate web --to command: -- store: the old secret always works. What the command stored is
# the old secret, or the new one: that works, or the rotation did not begin and begins at the next try.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web --to "file:$1/stored" 2>/dev/null &&
    cp "$1/stored" "$OUT/old-secret" &&
    printf '%s\n' '#!/bin/sh' 'cat >"$1.new" && mv "$1.new" "$1"' >"$1/store" && chmod 700 "$1/store"
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" rotate web --to command: -- "$1/store" "$1/stored")
}

A_check() {
  local dir=$1 rc=$2 out=$3 status

  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  [ ! -s "$out" ] || { echo BAD:something-printed; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  status=$(pk "$dir" show web --format json) || { echo BAD:unreadable; return; }
  status=$(grep -Eo '"status":"[a-z]+"' <<<"$status" | head -n 1)

  if [ "$status" = '"status":"rotating"' ]; then
    cmp -s "$dir/stored" "$OUT/old-secret" && { echo BAD:secret-nobody-has; return; }
    verify "$dir" <"$dir/stored" || { echo BAD:stored-secret-refused; return; }
    pk "$dir" rotate --finish --yes web >/dev/null 2>&1 || { echo BAD:finish-failed; return; }
    verify "$dir" <"$dir/stored" || { echo BAD:new-secret-refused; return; }
    verify "$dir" <"$OUT/old-secret" && { echo BAD:old-secret-works; return; }
    echo ok:rotating
    return
  fi

  [ "$rc" != 0 ] || { echo BAD:exit0-without-change; return; }
  # The same command goes on from here.
  pk "$dir" rotate web --to command: -- "$dir/store" "$dir/stored" >/dev/null 2>&1 ||
    { echo BAD:stuck; return; }
  verify "$dir" <"$dir/stored" || { echo BAD:retry-refused; return; }
  pk "$dir" rotate --abort --yes web >/dev/null 2>&1 || { echo BAD:abort-failed; return; }
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-lost; return; }
  echo ok:unchanged
}
