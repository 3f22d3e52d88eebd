# shellcheck shell=bash disable=SC1091,SC2034,SC2086
# postkey generate api --from NAMES --save-dir KEYS, of three names: each has its key and a file
# with the secret that opens it, or no key; and the same command makes the rest.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
NAMES='one two three'

A_init() {
  mkdir -p "$1" && pk "$1" generate api old >"$OUT/old-secret" 2>/dev/null &&
    printf '%s\n' $NAMES >"$1/names"
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" generate api --from "$1/names" --save-dir "$1/keys")
}

# Prints how many of the names have a key, if each of those has its file, and of the others none
# has one that is accepted.
count_keys() {
  local dir=$1 listed=$2 name keys=0
  for name in $NAMES; do
    if grep -q "\"name\": *\"$name\"" <<<"$listed"; then
      [ "$(stat -c %a "$dir/keys/$name")" = 600 ] || { echo BAD:no-private-file; return; }
      verify "$dir" <"$dir/keys/$name" || { echo BAD:saved-secret-refused; return; }
      keys=$((keys + 1))
    elif [ -e "$dir/keys/$name" ]; then
      verify "$dir" <"$dir/keys/$name" && { echo BAD:unlisted-verifies; return; }
    fi
  done
  echo $keys
}

A_check() {
  local dir=$1 rc=$2 out=$3 listed keys after

  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-key-refused; return; }
  listed=$(pk "$dir" list --format json) || { echo BAD:unreadable; return; }
  [ ! -s "$out" ] || { echo BAD:standard-output; return; }
  keys=$(count_keys "$dir" "$listed")
  case $keys in BAD:*) echo "$keys"; return ;; esac
  [ "$rc" != 0 ] || [ "$keys" = 3 ] || { echo BAD:exit0-without-keys; return; }

  # The same command makes the rest, and leaves what is there.
  pk "$dir" generate api --from "$dir/names" --save-dir "$dir/keys" --if-absent \
    >"$dir/again" 2>&1 || { echo BAD:stuck; return; }
  listed=$(pk "$dir" list --format json)
  after=$(count_keys "$dir" "$listed")
  [ "$after" = 3 ] || { echo "BAD:$after-after-all"; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  echo "ok:$keys-keys"
}
