# shellcheck shell=bash disable=SC1091,SC2034,SC2154
# The end of a rotation of the key web, by $FLAG: the secret $KEPT works whatever happens, $GONE
# does until the command has ended. Sourced by rotate-finish.sh and rotate-abort.sh.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web >"$OUT/old" 2>/dev/null &&
    pk "$1" rotate web >"$OUT/new" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" rotate "$FLAG" --yes web)
}

A_check() {
  local dir=$1 rc=$2

  verify "$dir" <"$OUT/$KEPT" || { echo BAD:kept-secret-refused; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  if ! verify "$dir" <"$OUT/$GONE"; then
    echo ok:ended
    return
  fi

  [ "$rc" != 0 ] || { echo BAD:exit0-without-change; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" rotate "$FLAG" --yes web >/dev/null 2>&1 || { echo BAD:stuck; return; }
  verify "$dir" <"$OUT/$GONE" && { echo BAD:gone-secret-works; return; }
  verify "$dir" <"$OUT/$KEPT" || { echo BAD:kept-secret-lost; return; }
  echo ok:unchanged
}
