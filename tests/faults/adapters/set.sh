# shellcheck shell=bash disable=SC1091,SC2034
# postkey set mail, which changes all that restricts an SMTP key: all of it is changed or nothing,
# and the key works throughout.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate smtp mail --sender example.com --limit 5/hour >"$OUT/secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" set mail --sender acme.org --network 203.0.113.0/24,2001:db8::/32 --limit 100/day)
}

A_check() {
  local dir=$1 rc=$2 state

  # The first to open the vault recovers it: the key works at once.
  verify "$dir" <"$OUT/secret" || { echo BAD:key-refused; return; }
  state=$(state_of "$dir") || { echo BAD:unreadable; return; }
  case $state in
    '"5/hour" "example.com" null') [ "$rc" != 0 ] || { echo BAD:exit0-unchanged; return; } ;;
    '"100/day" "acme.org" "203.0.113.0/24,2001:db8::/32"') ;;
    *) echo "BAD:half:$state"; return ;;
  esac
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }

  # Run again it ends in the one state.
  A_argv "$dir" && "${CMD[@]}" >/dev/null 2>&1 || { echo BAD:stuck; return; }
  [ "$(state_of "$dir")" = '"100/day" "acme.org" "203.0.113.0/24,2001:db8::/32"' ] ||
    { echo BAD:not-converged; return; }
  case $state in *100/day*) echo ok:changed ;; *) echo ok:unchanged ;; esac
}

# What restricts the key in the vault of the folder $1.
state_of() {
  local shown value='"[^"]*"|null'
  shown=$(pk "$1" show mail --format json) || return
  sed -E "s/.*\"limit\":($value).*\"senders\":($value),\"networks\":($value).*/\1 \2 \3/" <<<"$shown"
}
