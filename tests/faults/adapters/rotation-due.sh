# shellcheck shell=bash disable=SC1091,SC2034
# Sourced by the adapters of `rotate --due`: a key in a file, and a command that reads it.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# A key that is due, in the vault in the folder $1, with a grace period of $2; its secret is also in
# $OUT/old-secret.
due_key() {
  pk "$1" generate api web --to "file:$1/stored" 2>/dev/null && cp "$1/stored" "$OUT/old-secret" &&
    verify "$1" <"$1/stored" && set_policy "$1" 1s "$2" && sleep 2
}

# Sets the key's policy: due after $2, with a grace period and a settle time of $3.
set_policy() {
  pk "$1" set web --rotate-every "$2" --grace "$3" --settle "$3" \
    --after "sh -c 'cat \"\$HOME/stored\" >\"\$HOME/read\"'" >/dev/null 2>&1
}

# A key whose new secret has been delivered, and is no longer due; the new one is in $OUT/new-secret.
rotating_key() {
  due_key "$1" 1h && pk "$1" rotate --due >/dev/null 2>&1 && cp "$1/stored" "$OUT/new-secret" &&
    set_policy "$1" 90d 1s
}

# The same, decided: only the old one was used since.
unused_key() {
  rotating_key "$1" && verify "$1" <"$OUT/old-secret" && sleep 2
}

# Succeeds if the secret on standard input is valid; its use is not recorded.
valid() {
  pk "$1" verify --no-record >/dev/null 2>&1
}

# The command line, on the copy of the vault in the folder $1, which names the copied file.
A_argv() {
  on_vault "$1"
  sqlite3 "$1/v/vault.db" "UPDATE deliveries SET destination = 'file:$1/stored';
    UPDATE rotations SET destination = 'file:$1/stored'"
  CMD=("${ON_VAULT[@]}" rotate --due)
}

# Succeeds if the file in the folder $1 has a valid secret, and the log is whole.
is_sound() {
  verify "$1" <"$1/stored" && pk "$1" log verify >/dev/null 2>&1
}

# The key's status.
status() {
  pk "$1" show web --format json | grep -Eo '"status":"[a-z]+"' | head -n 1 | cut -d '"' -f 4
}
