# shellcheck shell=bash disable=SC1091,SC2034
# postkey backup FILE: there is a whole copy under the name, or none; the vault is as it was.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p -m 700 "$1" "$1/b" && pk "$1" generate api web >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" backup "$1/b/copy.db")
}

A_check() {
  local dir=$1 rc=$2 copy=$1/b/copy.db

  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-key-refused; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  if [ -e "$copy" ]; then
    [ "$(stat -c %a "$copy")" = 600 ] || { echo BAD:mode; return; }
    pk "$dir" restore --dry-run "$copy" >/dev/null 2>&1 || { echo BAD:no-backup; return; }
  elif [ "$rc" = 0 ]; then
    echo BAD:exit0-without-backup
    return
  fi
  if pk "$dir" log 2>/dev/null | grep -q ' backup ' && [ ! -e "$copy" ]; then
    echo BAD:logged-without-backup
    return
  fi
  local there=nothing
  [ -e "$copy" ] && there=backup
  pk "$dir" backup --replace "$copy" >/dev/null 2>&1 || { echo BAD:stuck; return; }
  echo "ok:$there"
}
