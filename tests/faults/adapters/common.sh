# shellcheck shell=bash
# Sourced by every adapter: how to speak to the binary under test.
: "${BIN:=$(dirname "${BASH_SOURCE[0]}")/../../../target/release/postkey}"
BIN=$(readlink -m "$BIN")
export BIN

# The start of every command line on the vault in the folder $1, in the array ON_VAULT.
# --wait 1s keeps faked lock errors from reading as a hang.
on_vault() {
  export HOME="$1" XDG_CONFIG_HOME="$1/config"
  ON_VAULT=("$BIN" --vault "$1/v/vault.db" --wait 1s)
}

# Runs the binary on the vault in the folder $1.
pk() {
  local dir=$1
  shift
  (on_vault "$dir" && "${ON_VAULT[@]}" "$@")
}

# Succeeds if the vault in the folder $1 accepts the secret on standard input.
verify() {
  pk "$1" verify >/dev/null 2>&1
}

# Prints the one line of the file $2 that is a whole secret of the kind $1; fails if there is none.
printed_secret() {
  local prefix
  case $1 in
    api) prefix=xkeypost ;;
    smtp) prefix=xsmtppost ;;
  esac
  grep -Exa "$prefix-[0-9a-f]{64}-[0-9A-Za-z]{16}" "$2"
}
