# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --finish web: the old secret retires, or nothing changes; the new one always works.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web >"$OUT/old-secret" 2>/dev/null &&
    pk "$1" rotate web >"$OUT/new-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" rotate --finish --yes web)
}

A_check() {
  local dir=$1 rc=$2

  verify "$dir" <"$OUT/new-secret" || { echo BAD:new-secret-refused; return; }
  pk "$dir" log --verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  if ! verify "$dir" <"$OUT/old-secret"; then
    echo ok:ended
    return
  fi

  [ "$rc" != 0 ] || { echo BAD:exit0-without-change; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" rotate --finish --yes web >/dev/null 2>&1 || { echo BAD:stuck; return; }
  verify "$dir" <"$OUT/old-secret" && { echo BAD:old-secret-works; return; }
  verify "$dir" <"$OUT/new-secret" || { echo BAD:new-secret-lost; return; }
  echo ok:unchanged
}
