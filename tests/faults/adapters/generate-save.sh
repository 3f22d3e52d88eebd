# shellcheck shell=bash disable=SC1091,SC2034
# postkey generate api new --save FILE, into a file that holds other things: judged as generate.sh
# judges what is printed, and besides: the file is whole, and what else it holds stays.
. "$(dirname "${BASH_SOURCE[0]}")/generate.sh"
eval "$(declare -f A_check | sed '1s/A_check/judge/')"
eval "$(declare -f A_init | sed '1s/A_init/make_vault/')"

A_init() {
  make_vault "$1" && (umask 077 && printf '# kept\nOTHER=1\n' >"$1/app.env")
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" generate "$KIND" new --format env --save "$1/app.env")
}

A_check() {
  local dir=$1 rc=$2 out=$3 err=$4

  saved_secret "$dir/app.env" >"$dir/saved" || { echo BAD:file-spoilt; return; }
  [ ! -s "$out" ] || { echo BAD:something-printed; return; }
  judge "$dir" "$rc" "$dir/saved" "$err"
}

# Prints the secret that the file $1 holds, if there is one; fails if the rest of it was changed.
saved_secret() {
  [ "$(stat -c %a "$1")" = 600 ] || return
  [ "$(head -n 2 "$1")" = $'# kept\nOTHER=1' ] || return
  tail -n +3 "$1" | sed 's/^[A-Z_]*=//'
}
