# shellcheck shell=bash disable=SC1091,SC2034
# postkey apply keys.toml, of a key whose secret is a variable of a file, one with a file of its
# own, which is made together with it, and one whose secret a command takes: no key is there whose
# secret is not delivered, and run again it ends in the one state, in which all are.
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

A_init() {
  mkdir -p "$1" && pk "$1" generate api old >"$OUT/old-secret" 2>/dev/null || return
  (umask 077 && printf '# kept\nOTHER=1\n' >"$1/app.env")
  cat >"$1/keys.toml" <<'TOML'
[[key]]
name = "mail"
kind = "smtp"
username = "shop_prod"
save = { file = "app.env", username = "SMTP_USERNAME", secret = "SMTP_PASSWORD" }

[[key]]
name = "backup"
kind = "api"
save = { file = "backup" }

[[key]]
name = "reports"
kind = "api"
permission = "read-only"
expires = "365d"
save = { command = ["dd", "status=none", "of=reports"] }
TOML
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" apply "$1/keys.toml")
}

A_check() {
  local dir=$1 rc=$2 out=$3 made keys state

  # The first to open the vault recovers it: the old key works at once.
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-key-refused; return; }
  ! grep -Eqa 'x(key|smtp)post-' "$out" || { echo BAD:secret-printed; return; }
  made=$(names "$dir") || { echo BAD:unreadable; return; }
  state=$(pending "$dir" "$made")
  [ "$rc" != 0 ] || [ "$made" = 'backup mail old reports' ] || { echo BAD:exit0-without-keys; return; }
  all_delivered "$dir" "$made" || { echo "BAD:undelivered-of:$made"; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken; return; }

  # Run again it ends in the one state, and then does nothing.
  pk "$dir" apply "$dir/keys.toml" >/dev/null 2>"$dir/again" || { echo BAD:stuck; return; }
  made=$(names "$dir")
  [ "$made" = 'backup mail old reports' ] || { echo "BAD:not-converged:$made"; return; }
  all_delivered "$dir" "$made" || { echo BAD:undelivered-after-all; return; }
  [ "$(sed 's/PASSWORD=.*/PASSWORD/' "$dir/app.env")" = $'# kept\nOTHER=1\nSMTP_USERNAME=shop_prod\nSMTP_PASSWORD' ] ||
    { echo BAD:file-spoilt; return; }
  pk "$dir" show reports --format json | grep -q '"permission":"read-only"' ||
    { echo BAD:not-as-the-manifest-says; return; }
  pk "$dir" apply --dry-run "$dir/keys.toml" >/dev/null 2>&1 || { echo BAD:not-settled; return; }
  verify "$dir" <"$OUT/old-secret" || { echo BAD:old-key-lost; return; }
  pk "$dir" log verify >/dev/null 2>&1 || { echo BAD:log-broken-after-all; return; }
  echo "ok:$state"
}

# The names of the keys in the vault of the folder $1, in their order.
names() {
  local keys
  keys=$(pk "$1" list --sort name --format jsonl) || return
  sed -E 's/.*"name":"([^"]+)".*/\1/' <<<"$keys" | paste -sd ' '
}

# Whether the secret of each key of $2 is where the manifest wants it, and good.
all_delivered() {
  local dir=$1
  case $2 in *mail*)
    sed -n 's/^SMTP_PASSWORD=//p' "$dir/app.env" | verify "$dir" || return
    grep -Fxq SMTP_USERNAME=shop_prod "$dir/app.env" || return
    ;;
  esac
  case $2 in *backup*) verify "$dir" <"$dir/backup" || return ;; esac
  case $2 in *reports*) verify "$dir" <"$dir/reports" || return ;; esac
}

# What was done before it ended: secrets delivered in the folder $1, and the keys $2, in short.
pending() {
  local -a done=()
  grep -q PASSWORD "$1/app.env" && done+=(mail-delivered)
  [ -e "$1/backup" ] && done+=(backup-delivered)
  [ -e "$1/reports" ] && done+=(reports-delivered)
  case " $2 " in *' mail '*) done+=(mail-made) ;; esac
  case " $2 " in *' reports '*) done+=(reports-made) ;; esac
  (IFS=+ && echo "${done[*]:-nothing}")
}
