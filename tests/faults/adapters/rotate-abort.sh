# shellcheck shell=bash disable=SC1091,SC2034
# postkey rotate --abort web: the new secret is taken back, or nothing changes; the old one always works.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web >"$OUT/old-secret" 2>/dev/null &&
    pk "$1" rotate web >"$OUT/new-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" rotate --abort --yes web)
}

A_check() {
  local dir=$1 rc=$2

  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-refused; return; }
  pk "$dir" log --verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  if ! verify "$dir" <"$OUT/new-secret"; then
    echo ok:ended
    return
  fi

  [ "$rc" != 0 ] || { echo BAD:exit0-without-change; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" rotate --abort --yes web >/dev/null 2>&1 || { echo BAD:stuck; return; }
  verify "$dir" <"$OUT/new-secret" && { echo BAD:new-secret-works; return; }
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-secret-lost; return; }
  echo ok:unchanged
}
