# shellcheck shell=bash disable=SC1091,SC2034
# postkey restore FILE, which brings `web` back and takes `new` away: restored the vault as of # before, or what the backup holds, with its log entry; never anything in between.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p -m 700 "$1" "$1/b" || return
  {
    pk "$1" generate api web >"$OUT/old-secret" && pk "$1" backup "$1/b/copy.db" &&
      pk "$1" delete --yes web && pk "$1" generate api new >"$OUT/new-secret"
  } >/dev/null 2>&1
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" restore --confirm web "$1/b/copy.db")
}

A_check() {
  local dir=$1 rc=$2 old=refused new=refused restored=no

  verify "$dir" <"$OUT/old-secret" && old=accepted
  verify "$dir" <"$OUT/new-secret" && new=accepted
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  pk "$dir" log 2>/dev/null | grep -q ' restore ' && restored=yes

  case $old,$new,$restored in
    accepted,refused,yes | refused,accepted,no) ;;
    *) echo "BAD:in-between,$old,$new,$restored"; return ;;
  esac
  if [ "$rc" = 0 ] && [ $restored = no ]; then
    echo BAD:exit0-without-change
    return
  fi
  if [ "$rc" != 0 ] && [ "$rc" != 137 ] && [ $restored = yes ] && [ "$rc" != 7 ]; then
    echo "BAD:failed-with-change-$rc"
    return
  fi
  # Nothing is left over: the same command now succeeds.
  if [ $restored = no ]; then
    pk "$dir" restore --confirm web "$dir/b/copy.db" >/dev/null 2>&1 || { echo BAD:stuck; return; }
    verify "$dir" <"$OUT/old-secret" || { echo BAD:retry-refused; return; }
    echo ok:unchanged
  else
    echo ok:changed
  fi
}
