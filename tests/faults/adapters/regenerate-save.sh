# shellcheck shell=bash disable=SC1091,SC2034
# postkey regenerate web --save FILE, which sets the old secret's variable in a file that holds
# other things: judged as regenerate.sh judges what is printed, and besides: the file is whole, what
# else it holds stays, and the variable has the old secret or the new one.
. "$(dirname "${BASH_SOURCE[0]}")/regenerate.sh"
eval "$(declare -f A_check | sed '1s/A_check/judge/')"

A_init() {
  mkdir -p "$1" && (umask 077 && printf '# kept\nOTHER=1\n' >"$1/app.env") &&
    pk "$1" generate api web --save "$1/app.env" --env-name API_KEY 2>/dev/null &&
    sed -n 's/^API_KEY=//p' "$1/app.env" >"$OUT/old-secret"
}

A_argv() {
  on_vault "$1"
  CMD=("${ON_VAULT[@]}" regenerate --yes web --save "$1/app.env" --env-name API_KEY)
}

A_check() {
  local dir=$1 rc=$2 out=$3 err=$4 before

  [ ! -s "$out" ] || { echo BAD:something-printed; return; }
  [ "$(stat -c %a "$dir/app.env")" = 600 ] || { echo BAD:another-mode; return; }
  [ "$(sed 's/^API_KEY=.*/API_KEY/' "$dir/app.env")" = $'# kept\nOTHER=1\nAPI_KEY' ] ||
    { echo BAD:file-spoilt; return; }
  sed -n 's/^API_KEY=//p' "$dir/app.env" >"$dir/saved"
  if cmp -s "$dir/saved" "$OUT/old-secret"; then
    : >"$dir/saved"
  elif [[ $rc != @(0|7|137) ]] && ! grep -q 'is not good' "$err"; then
    echo BAD:not-taken-back-in-silence
    return
  fi
  judge "$dir" "$rc" "$dir/saved" "$err"
}
