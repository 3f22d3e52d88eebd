#!/usr/bin/env bash
# faultloop.sh: runs one command once for every system call it makes (-m kill: that changes
# something), each time with one fault injected at that call by strace, and lets an adapter judge
# what is left on disk.
#
#   faultloop.sh -a ADAPTER -m kill|once|sticky [-A] [-o OUT] [-c CALLS] [-e ERRNOS] [-s START_RE]
#                [-j JOBS] [-t SECONDS] [-n MAX]
#
#   -m kill    SIGKILL on entry to the call (the call itself is not carried out), once for all calls
#              on whose entry the same is on disk
#   -m once    the call fails once with the errno, the rest work
#   -m sticky  the call and every later call of that name fail (a disk that stays full)
#   -A         kill at every call, also where the same is on disk as at the next one
#   -o OUT     where traces, outputs and verdicts go; without it they are removed if no problems found
#   -c CALLS   only these calls, as "write fsync"
#   -e ERRNOS  only these errors, as "EIO ENOSPC"
#   -s RE      only from the first call that matches RE on
#   -j JOBS    so many cases at a time        -t SECONDS  a case that takes longer hangs
#   -n MAX     only the first MAX cases       SHOW=N      print up to N bad cases (12)
#
# An adapter is a shell file; README.md says what it defines. Prints a tally by verdict, the
# bad cases and 'N passed, N failed'; exits 1 if any failed. Needs strace 5, coreutils, awk.
set -u -o pipefail
umask 022

adapter='' mode='' out='' calls='' errnos='' start_re='' jobs=$(nproc) limit=20 max=0 each=''
usage() {
  sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
  exit 2
}
while getopts a:m:Ao:c:e:s:j:t:n: option; do
  case $option in
    a) adapter=$(readlink -f "$OPTARG") ;;
    m) mode=$OPTARG ;;
    A) each=1 ;;
    o) out=$OPTARG ;;
    c) calls=$OPTARG ;;
    e) errnos=$OPTARG ;;
    s) start_re=$OPTARG ;;
    j) jobs=$OPTARG ;;
    t) limit=$OPTARG ;;
    n) max=$OPTARG ;;
    *) usage ;;
  esac
done
case $mode in kill | once | sticky) ;; *) usage ;; esac
[ -r "$adapter" ] || usage

keep=$out
[ -n "$out" ] || out=$(mktemp -d)
mkdir -p "$out"
OUT=$(readlink -f "$out") ADAPTER=$adapter LIMIT=$limit
export OUT ADAPTER LIMIT
[ -n "$keep" ] || trap 'rm -rf "$OUT"' EXIT

# Prints the errors that the kernel may really give for the call $1.
# Not brk: the kernel never answers it with an errno, so a faked one crashes the C library.
errnos_for() {
  if [ -n "$errnos" ]; then
    echo "$errnos"
    return
  fi
  case $1 in
    openat | open | creat) echo EACCES EMFILE ENOSPC EROFS EIO ;;
    read | pread64 | readv) echo EIO ;;
    write | pwrite64 | writev | pwritev) echo EIO ENOSPC EDQUOT ;;
    fsync | fdatasync | sync_file_range) echo EIO ENOSPC ;;
    ftruncate | fallocate) echo EIO ENOSPC ;;
    unlink | unlinkat | rename | renameat | renameat2) echo EACCES EROFS EIO ;;
    mkdir | mkdirat | link | linkat) echo EACCES EROFS EIO ;;
    fcntl | flock) echo EAGAIN ENOLCK EINTR ;;
    fstat | newfstatat | stat | lstat | statx) echo EACCES EIO ;;
    fchmod | fchown | access | faccessat | faccessat2) echo EACCES EIO ;;
    mmap | mremap) echo ENOMEM ;;
    getrandom) echo ENOSYS EAGAIN ;;
    readlink | readlinkat | getcwd) echo EACCES ;;
  esac
}

# Runs the case $1 with the injection $2 on a fresh copy of the vault and writes its verdict.
# What a bad case left behind stays for a look.
run_case() {
  local label=$1 inject=$2 place="$OUT/case/$1" rc verdict
  mkdir -p "$place"
  cp -a "$OUT/seed" "$place/dir"
  # shellcheck disable=SC1090
  . "$ADAPTER"
  A_argv "$place/dir"
  timeout -k 2 "$LIMIT" strace -f -qq -o "$place/trace" -e "inject=$inject" -- "${CMD[@]}" \
    >"$place/out" 2>"$place/err" </dev/null
  rc=$?
  verdict=$(A_check "$place/dir" "$rc" "$place/out" "$place/err" 2>"$place/check.err") ||
    verdict=BAD:checker-failed
  [ "$rc" = 124 ] && verdict=BAD:hang
  printf '%s\t%s\trc=%s\n' "$verdict" "$label" "$rc" >"$place/verdict"
  case $verdict in
    ok:*) rm -rf "${place:?}/dir" "$place/trace" ;;
  esac
}
export -f run_case

# Runs the command without a fault, to learn which calls it makes: $OUT/base.trace.
run_without_fault() {
  local rc verdict
  cp -a "$OUT/seed" "$OUT/base"
  A_argv "$OUT/base"
  strace -f -qq -o "$OUT/base.trace" -- "${CMD[@]}" >"$OUT/base.out" 2>"$OUT/base.err" </dev/null
  rc=$?
  verdict=$(A_check "$OUT/base" $rc "$OUT/base.out" "$OUT/base.err")
  echo "no fault: rc=$rc $verdict"
  rm -rf "$OUT/base"
  case $verdict in
    ok:*) ;;
    *)
      cat "$OUT/base.err"
      echo "the command fails without a fault"
      exit 2
      ;;
  esac
}

# The calls that only look at what is on disk, or change only what ends with the process.
looks='access|arch_prctl|brk|chdir|clock_nanosleep|close|dup[23]?|epoll_[a-z0-9]+|faccessat2?|fadvise64|'
looks+='fcntl|fdatasync|fgetxattr|flock|fstat|fstatfs|fsync|futex|getcwd|getdents64|get[a-z]*[gu]id|'
looks+='getp?pid|getrandom|gettid|getxattr|lgetxattr|lseek|lstat|madvise|mmap|mprotect|mremap|munmap|newfstatat|'
looks+='pidfd_open|pipe2|poll|ppoll|prctl|pread64|preadv|prlimit64|read|readlink|readlinkat|readv|rseq|'
looks+='rt_sig[a-z]+|sched_[a-z]+|set_robust_list|set_tid_address|sigaltstack|stat|statfs|statx|sysinfo|'
looks+='setpgid|socket|umask|uname'

# Prints each call of the trace with its ordinal among those of that name in its process or thread, as
# strace counts. Which of them reaches that first is the one that gets the fault.
# A kill leaves what the calls before it changed: of calls that only look or fail, the next one that
# changes something stands for all, and the last call for those at the end. While a process runs that
# the command under test has started, and that goes on without it, each call of the command counts.
list_calls() {
  [ "$mode" = kill ] && [ -z "$each" ] || looks=''
  awk -v re="$start_re" -v looks="^($looks)$" '
    { tracee = $1; sub(/^[0-9]+ +/, "") }
    NR == 1 { main = tracee }
    tracee == main && /^(<[.]+ )?wait(4|id)[( ].*= [0-9]/ { processes-- }
    !/^[a-z_0-9]+\(/ { next }
    { name = $0; sub(/\(.*/, "", name); ordinal = ++count[tracee, name] }
    re == "" || $0 ~ re { started = 1 }
    tracee == main && /^(clone3?|v?fork)\(/ && !/CLONE_THREAD/ { processes++ }
    !started || name == "execve" || name == "exit_group" { next }
    { call = name "\t" ordinal; is_left_out = 0 }
    (tracee != main || processes == 0) && (name ~ looks || /CLONE_THREAD/ || / = -1 E[A-Z]+ \([^()]*\)$/ ||
      (/^open(at)?\(/ && !/O_CREAT|O_TRUNC|O_TMPFILE/)) {
      if (looks != "^()$") { is_left_out = 1; next }
    }
    !listed[call]++ { print call }
    END { if (is_left_out && !listed[call]) print call }
  ' "$OUT/base.trace"
}

# Prints the cases, a label and an injection each, all ended by NUL.
list_cases() {
  local name ordinal errno
  while IFS=$'\t' read -r name ordinal; do
    [ -n "$calls" ] && ! grep -qw -- "$name" <<<"$calls" && continue
    if [ "$mode" = kill ]; then
      printf '%s\0' "kill-$name-$ordinal" "$name:signal=KILL:when=$ordinal"
      continue
    fi
    for errno in $(errnos_for "$name"); do
      case $mode,$errno in
        sticky,EINTR) ;; # never lasts
        sticky,*) printf '%s\0' "sticky-$name-$ordinal-$errno" "$name:error=$errno:when=$ordinal+" ;;
        once,*) printf '%s\0' "once-$name-$ordinal-$errno" "$name:error=$errno:when=$ordinal" ;;
      esac
    done
  done
}

# shellcheck disable=SC1090
. "$ADAPTER"
rm -rf "$OUT/seed" "$OUT/case"
mkdir -p "$OUT/case"
A_init "$OUT/seed" || {
  echo "A_init failed: is $BIN there?"
  exit 2
}
run_without_fault
list_calls | list_cases >"$OUT/cases"
if [ "$max" -gt 0 ]; then
  head -z -n $((2 * max)) "$OUT/cases" >"$OUT/cases.cut"
  mv "$OUT/cases.cut" "$OUT/cases"
fi
total=$(($(tr -cd '\0' <"$OUT/cases" | wc -c) / 2))
echo "$total cases, mode $mode"
# The shells report each killed strace on standard error; the verdicts say it better.
# shellcheck disable=SC2016
xargs -0 -r -n 2 -P "$jobs" bash -c 'run_case "$1" "$2"' _ <"$OUT/cases" 2>/dev/null

find "$OUT/case" -name verdict -exec cat {} + >"$OUT/verdicts"
cut -f1 "$OUT/verdicts" | sort | uniq -c | sort -rn
grep -v '^ok:' "$OUT/verdicts" | sed 's/^/  /' | head -n "${SHOW:-12}"
passed=$(grep -c '^ok:' "$OUT/verdicts")
failed=$((total - passed)) # a case without a verdict has failed
if [ "$failed" -gt 0 ]; then
  trap - EXIT
  echo "what the bad cases left is in $OUT/case"
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$total" -gt 0 ]
