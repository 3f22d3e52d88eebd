# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate web: the old secret always works; the printed new one does, or nothing changed.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" rotate web)
}

A_check() {
  local dir=$1 rc=$2 out=$3 secret status new=refused

  # A rotation stops nothing, however it ends.
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  secret=$(printed_secret api "$out")
  if [ -n "$secret" ]; then
    verify "$dir" <<<"$secret" && new=accepted
  fi
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  status=$(pk "$dir" show web --format json) || { echo BAD:unreadable; return; }
  status=$(grep -Eo '"status":"[a-z]+"' <<<"$status")

  if [ $new = accepted ]; then
    [ "$status" = '"status":"rotating"' ] || { echo BAD:no-rotation; return; }
    # Both ways go on from here.
    pk "$dir" rotate --finish --yes web >/dev/null 2>&1 || { echo BAD:finish-failed; return; }
    verify "$dir" <<<"$secret" || { echo BAD:new-secret-refused; return; }
    verify "$dir" <"$OUT/old-secret" && { echo BAD:old-secret-works; return; }
    echo ok:rotating
    return
  fi

  [ "$rc" != 0 ] || { echo BAD:exit0-without-change; return; }
  [ "$status" = '"status":"active"' ] || { echo BAD:secret-nobody-has; return; }

  # Nothing is left over: the same command now succeeds, and can be taken back.
  pk "$dir" rotate web >"$dir/retry" 2>/dev/null || { echo BAD:stuck; return; }
  verify "$dir" <"$dir/retry" || { echo BAD:retry-refused; return; }
  pk "$dir" rotate --abort --yes web >/dev/null 2>&1 || { echo BAD:abort-failed; return; }
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-lost; return; }
  echo ok:unchanged
}
