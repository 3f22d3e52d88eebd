# shellcheck shell=bash disable=SC1091,SC2034
# postkey revoke --replace --yes web: the leaked secret is refused as soon as anything was done;
# afterwards the key is stopped, or has the new secret that was printed.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api web >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" revoke --replace --yes web)
}

A_check() {
  local dir=$1 rc=$2 out=$3 secret old=refused new=refused events

  verify "$dir" <"$OUT/old-secret" && old=accepted
  secret=$(printed_secret api "$out")
  if [ -n "$secret" ]; then
    verify "$dir" <<<"$secret" && new=accepted
  fi
  events=$(pk "$dir" log web --format jsonl | grep -c '"command":"revoke"')

  case $old,$new,$events in
    accepted,refused,0) ;; # stopped before it did anything
    refused,refused,1) ;;  # stopped, and not replaced
    refused,accepted,2) ;;
    *) echo "BAD:old-$old-new-$new-after-$events-events"; return ;;
  esac
  # What ended by itself has stopped the key, whatever became of the new secret.
  if [ "$rc" != 137 ] && [ "$rc" != 5 ] && [ $old = accepted ]; then
    echo BAD:ended-without-stopping
    return
  fi
  if [ "$rc" = 0 ] && [ $new = refused ]; then
    echo BAD:exit0-without-replacement
    return
  fi
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }

  # Nothing is left over: the same command now succeeds.
  pk "$dir" revoke --replace --yes web >"$dir/retry" 2>/dev/null || { echo BAD:stuck; return; }
  verify "$dir" <"$dir/retry" || { echo BAD:retry-refused; return; }
  echo "ok:after-$events-events"
}
