# shellcheck shell=bash disable=SC1091,SC2034
# postkey generate KIND new, on a vault that already holds the key `old`:
# the key is there and its secret was printed, or there is no key at all.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
KIND=api RESTRICTIONS=() RESTRICTED=

A_init() {
  mkdir -p "$1" && pk "$1" generate "$KIND" old >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" generate "$KIND" new "${RESTRICTIONS[@]}")
}

A_check() {
  local dir=$1 rc=$2 out=$3 keys secret

  # The first to open the vault recovers it: the old key works at once.
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-key-refused; return; }
  keys=$(pk "$dir" list --format json) || { echo BAD:unreadable; return; }
  secret=$(printed_secret "$KIND" "$out")

  if grep -q '"name": *"new"' <<<"$keys"; then
    [ -n "$secret" ] || { echo BAD:key-without-secret; return; }
    verify "$dir" <<<"$secret" || { echo BAD:printed-secret-refused; return; }
    pk "$dir" show new --format json | grep -q "$RESTRICTED" || { echo BAD:unrestricted; return; }
    pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
    echo ok:key+secret
    return
  fi

  [ "$rc" != 0 ] || { echo BAD:exit0-without-key; return; }
  if [ -n "$secret" ]; then
    verify "$dir" <<<"$secret" && { echo BAD:unlisted-verifies; return; }
  fi
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" generate "$KIND" new >"$dir/retry" 2>/dev/null || { echo BAD:name-stuck; return; }
  verify "$dir" <"$dir/retry" || { echo BAD:retry-refused; return; }
  if [ -n "$secret" ]; then echo ok:secret-without-key; else echo ok:nothing; fi
}
