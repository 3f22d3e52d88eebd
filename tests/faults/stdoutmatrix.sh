#!/usr/bin/env bash
# stdoutmatrix.sh ADAPTER: runs the command once for each way in which standard output can, or
# cannot, take the secret.
#
# The adapter's A_check judges what is left; besides, a command that exits 0 although the secret
# went nowhere is BAD, and so is one that refuses an output that would have taken it. A full disk
# is a small tmpfs in a mount namespace of its own (as root, or in a user namespace); where the
# kernel allows neither, strace fakes it, and the row says so. Prints a line for each kind of
# output and 'N passed, N failed'; exits 1 if any failed. Needs util-linux.
set -u
umask 022
[ $# -eq 1 ] && [ -r "$1" ] || {
  echo "usage: $0 ADAPTER"
  exit 2
}
OUT=$(mktemp -d)
export OUT
trap 'rm -rf "$OUT"' EXIT
# shellcheck disable=SC1090
. "$1"
A_init "$OUT/seed" || {
  echo "A_init failed: is $BIN there?"
  exit 2
}
passed=0 failed=0

# try NAME KIND RUN: runs the shell function RUN on a fresh copy of the vault.
# KIND is `took`, it must succeed, or `lost`, it must fail.
try() {
  local name=$1 kind=$2 run=$3 rc verdict
  rm -rf "$OUT/dir" "$OUT/out" "$OUT/err"
  cp -a "$OUT/seed" "$OUT/dir"
  : >"$OUT/out"
  A_argv "$OUT/dir"
  ("$run") 2>"$OUT/err"
  rc=$?
  verdict=$(A_check "$OUT/dir" "$rc" "$OUT/out" "$OUT/err")
  case $kind,$rc in
    lost,0) verdict=BAD:exit0-secret-lost ;;
    took,0) ;;
    took,*) verdict=BAD:refused-a-good-stdout ;;
  esac
  case $verdict in
    ok:*) passed=$((passed + 1)) ;;
    *) failed=$((failed + 1)) ;;
  esac
  printf '%-30s rc=%-3s %s  %s\n' "$name" "$rc" "$verdict" "$(head -c 80 "$OUT/err" | tr '\n' ' ')"
}

plain_file() { "${CMD[@]}" >"$OUT/out"; }
pipe_that_is_read() {
  "${CMD[@]}" | cat >"$OUT/out"
  return "${PIPESTATUS[0]}"
}
terminal() {
  printf '%q ' "${CMD[@]}" >"$OUT/command"
  script -qec "bash $OUT/command" /dev/null </dev/null | tr -d '\r' >"$OUT/out"
  return "${PIPESTATUS[0]}"
}
closed() { "${CMD[@]}" >&-; }
all_three_closed() { "${CMD[@]}" <&- >&- 2>&-; }
dev_full() { "${CMD[@]}" >/dev/full; }
dev_null() { "${CMD[@]}" >/dev/null; }
opened_for_reading() { "${CMD[@]}" 1</dev/zero; }
open_dead_pipe() {
  exec 9> >(exec true)
  sleep .3
}
reader_gone() {
  open_dead_pipe
  "${CMD[@]}" >&9
}
reader_gone_sigpipe_default() {
  open_dead_pipe
  env --default-signal=PIPE "${CMD[@]}" >&9
}
size_limit() {
  ulimit -f 0
  "${CMD[@]}" >"$OUT/out"
}

# Runs a command with its standard output on a file system that is full.
# shellcheck disable=SC2016
on_a_full_tmpfs='
  mount -t tmpfs -o size=4k tmpfs "$OUT/full" && : >"$OUT/full/x" || exit 99
  head -c 4096 /dev/zero >"$OUT/full/fill"
  exec "$@" >"$OUT/full/x"'
full_disk() { "${namespace[@]}" bash -c "$on_a_full_tmpfs" _ "${CMD[@]}"; }
full_disk_faked() {
  # shellcheck disable=SC2094
  strace -f -qq -o /dev/null -P "$OUT/out" -e inject=write,writev:error=ENOSPC -- "${CMD[@]}" >"$OUT/out"
}

# Tries the ways to a full disk, the likeliest first.
try_full_disk() {
  mkdir -p "$OUT/full"
  for namespace in 'unshare -m' 'unshare -rm'; do
    read -ra namespace <<<"$namespace"
    if "${namespace[@]}" bash -c "$on_a_full_tmpfs" _ true 2>/dev/null; then
      try 'file on a full disk' lost full_disk
      return
    fi
  done
  if strace -qq -o /dev/null true 2>/dev/null; then
    try 'file on a full disk (faked)' lost full_disk_faked
    return
  fi
  echo 'file on a full disk            NOT RUN: no right to mount one, and no strace to fake it'
  failed=$((failed + 1))
}

try 'plain file' took plain_file
try 'pipe that is read' took pipe_that_is_read
try 'terminal' took terminal
try 'closed (>&-)' lost closed
try 'all three closed' lost all_three_closed
try '/dev/full' lost dev_full
try '/dev/null' lost dev_null
try 'opened only for reading' lost opened_for_reading
try 'reader already gone' lost reader_gone
try 'reader gone, SIGPIPE default' lost reader_gone_sigpipe_default
try_full_disk
try 'file size limit 0' lost size_limit
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
