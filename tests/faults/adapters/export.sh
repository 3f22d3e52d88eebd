# shellcheck shell=bash disable=SC1091,SC2034
# postkey deactivate with an export that the settings name: that is whole whatever happens, has
# what was good before or what is good now, and is behind only if the command says so or died.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

# The settings of the vault in the folder $1, which is another one in each run.
settings() {
  mkdir -p "$1/config/postkey" "$1/e" && printf '%s\n' "vault = \"$1/v/vault.db\"" \
    '[[export]]' 'format = "json"' "file = \"$1/e/keys.json\"" >"$1/config/postkey/config.toml"
}

A_init() {
  settings "$1" && pk "$1" generate api web >"$OUT/web" 2>/dev/null &&
    pk "$1" generate api other >"$OUT/other" 2>/dev/null && cp "$1/e/keys.json" "$OUT/before"
}

A_argv() {
  settings "$1"
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" deactivate web)
}

# Succeeds if the export in the folder $1 is up to date.
is_current() {
  pk "$1" export json | cmp -s - "$1/e/keys.json"
}

A_check() {
  local dir=$1 rc=$2 was=behind

  if is_current "$dir"; then
    was=current
  else
    cmp -s "$OUT/before" "$dir/e/keys.json" || { echo BAD:neither-old-nor-new; return; }
    case $rc in
      8 | 137) ;;
      *) echo "BAD:exit$rc-behind"; return ;;
    esac
  fi
  [ "$(stat -c %a "$dir/e/keys.json")" = 600 ] || { echo BAD:mode; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }
  if [ "$rc" = 0 ] && grep -q '"web"' "$dir/e/keys.json"; then
    echo BAD:exit0-without-change
    return
  fi

  # The same command now succeeds, and makes up for it.
  pk "$dir" deactivate web >/dev/null 2>&1 || { echo BAD:stuck; return; }
  is_current "$dir" && ! grep -q '"web"' "$dir/e/keys.json" || { echo BAD:not-made-up-for; return; }
  echo "ok:$was"
}
