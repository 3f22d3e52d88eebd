# shellcheck shell=bash disable=SC1091,SC2034
# postkey run -- COMMAND: once the command was given a secret, it ends with postkey or with its term:
# no key is left, or one that expires.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api old >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" run --for 15m -- printenv RUN_API_KEY)
}

A_check() {
  local dir=$1 rc=$2 out=$3 keys secret

  # The first to open the vault recovers it: the old key works at once.
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-key-refused; return; }
  keys=$(pk "$dir" list 'run-*' --format jsonl) || { echo BAD:unreadable; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  secret=$(printed_secret api "$out")
  if [ -n "$keys" ]; then
    grep -q '"expires_at":"' <<<"$keys" || { echo BAD:key-without-expiry; return; }
    [ "$(wc -l <<<"$keys")" = 1 ] || { echo BAD:several-keys; return; }
    case $rc in 137 | 8 | 5 | 7) ;; *) echo "BAD:exit$rc-with-key"; return ;; esac
  elif [ -n "$secret" ]; then
    verify "$dir" <<<"$secret" && { echo BAD:deleted-verifies; return; }
  fi
  [ "$rc" != 0 ] || [ -n "$secret" ] || { echo BAD:exit0-without-secret; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" run --for 15m -- printenv RUN_API_KEY >"$dir/retry" 2>/dev/null || { echo BAD:stuck; return; }
  verify "$dir" <"$dir/retry" && { echo BAD:retry-verifies; return; }
  if [ -n "$keys" ]; then echo ok:expires; elif [ -n "$secret" ]; then echo ok:deleted; else echo ok:nothing; fi
}
