# shellcheck shell=bash disable=SC1091,SC2034
# postkey generate smtp new --default: judged as generate.sh judges an API key, and besides: a
# key that is there is revealed as it was printed, and without it nothing is sealed.
. "$(dirname "${BASH_SOURCE[0]}")/generate.sh"
KIND=smtp
eval "$(declare -f A_check | sed '1s/A_check/judge/')"

# The passphrase's file, for the tool's own commands as for the one under test.
PASSPHRASE=$OUT/passphrase

A_init() {
  (umask 077 && echo 'correct horse battery' >"$PASSPHRASE")
  mkdir -p "$1" && pk "$1" generate "$KIND" old >"$OUT/old-secret" 2>/dev/null
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" generate "$KIND" new --default --passphrase-file "$PASSPHRASE")
}

A_check() {
  local dir=$1 out=$3 revealed

  # Before the judge's retry, which makes the key without a default.
  revealed=$(pk "$dir" reveal --passphrase-file "$PASSPHRASE" 2>/dev/null)
  if pk "$dir" show new >/dev/null 2>&1; then
    [ "$revealed" = "$(printed_secret "$KIND" "$out")" ] || { echo BAD:not-revealed; return; }
  else
    [ -z "$revealed" ] || { echo BAD:sealed-without-key; return; }
  fi
  judge "$@"
}
