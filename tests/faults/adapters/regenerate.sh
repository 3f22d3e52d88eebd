# shellcheck shell=bash disable=SC1091,SC2034
# postkey regenerate web: the old secret or the printed new one always works, never both.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" regenerate --yes web)
}

A_check() {
  local dir=$1 rc=$2 out=$3 secret old=refused new=refused

  verify "$dir" <"$OUT/old-secret" && old=accepted
  secret=$(printed_secret api "$out")
  if [ -n "$secret" ]; then
    verify "$dir" <<<"$secret" && new=accepted
  fi

  case $old,$new in
    accepted,accepted) echo BAD:both-work; return ;;
    refused,refused) echo BAD:locked-out; return ;;
  esac
  if [ "$rc" = 0 ] && [ $new = refused ]; then
    echo BAD:exit0-without-change
    return
  fi
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" regenerate --yes web >"$dir/retry" 2>/dev/null || { echo BAD:stuck; return; }
  verify "$dir" <"$dir/retry" || { echo BAD:retry-refused; return; }
  if [ $new = accepted ]; then echo ok:changed; else echo ok:unchanged; fi
}
