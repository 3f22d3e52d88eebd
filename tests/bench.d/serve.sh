# tests/bench.d/serve.sh: `serve` beside nginx and the same axum saying hello, measured by wrk
# in turns. Part of tests/bench.

keys=10000
serving=$scratch/serving # a vault of so many keys, with limits, and their secrets in `keys`
servers=()

# wait_for_port PORT: waits until somebody listens.
wait_for_port() {
  local attempt
  for ((attempt = 0; attempt < 100; attempt++)); do
    (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return
    sleep .1
  done
  give_up "nobody listens on port $1"
}

# start PORT COMMAND...: starts a server that is stopped at the end.
start() {
  local port=$1
  shift
  "$@" >"$scratch/server-$port.log" 2>&1 &
  servers+=($!)
  wait_for_port "$port"
}

stop_servers() {
  local server
  for server in "${servers[@]}"; do
    kill "$server" 2>/dev/null && wait "$server" || true
  done
  servers=()
}

fill() { "$examples/fill" "$serving/vault.db" "$@"; }

start_servers() {
  [ ${#servers[@]} = 0 ] || return 0
  install_needs 'wrk wrk' 'nginx nginx' 'sqlite3 sqlite3'
  cargo build --quiet --locked --release --examples
  (umask 077 && mkdir "$serving")
  "$BIN" --vault "$serving/vault.db" generate api first 2>"$scratch/log" | cat >"$scratch/ignored"
  fill good $keys 8 1 >"$serving/keys"
  tests/bench.d/htpasswd.py <"$serving/keys" >"$scratch/htpasswd"
  chmod 755 "$scratch" && chmod 644 "$scratch/htpasswd"
  sed "s|{dir}|$scratch|g" tests/bench.d/nginx.conf >"$scratch/nginx.conf"
  start 7641 nginx -p "$scratch" -c "$scratch/nginx.conf" -e "$scratch/nginx-error.log"
  start 7644 "$examples/hello" 127.0.0.1:7644
  start 7645 "$BIN" --vault "$serving/vault.db" serve --listen 127.0.0.1:7645
  requests 7645 /verify 5 >/dev/null # every key is seen once
}

# requests PORT TARGET SECONDS [NAME=VALUE...]: how many requests a second were answered, all
# of them with 200.
requests() {
  local port=$1 target=$2 seconds=$3
  shift 3
  env KEYS="$serving/keys" TARGET="$target" "$@" \
    wrk -t2 -c64 -d"$seconds" -s tests/bench.d/keys.lua "http://127.0.0.1:$port" >"$scratch/wrk"
  if grep -q 'Non-2xx\|Socket errors' "$scratch/wrk"; then
    cat "$scratch/wrk" >&2
    give_up "not all requests to port $port were answered well"
  fi
  awk '/^Requests\/sec/ { print $2 }' "$scratch/wrk"
}

# The middle one of some numbers.
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }

# race_servers ROUNDS "MEASURED" "REFERENCE": arguments of requests; sets ratio, mine, other.
# The machine's speed wanders: what counts is the ratio of neighbours, the middle one of all.
race_servers() {
  local rounds=$1 round
  : >"$scratch/rates"
  for ((round = 0; round < rounds; round++)); do
    # shellcheck disable=SC2086
    printf '%s %s\n' "$(requests $2)" "$(requests $3)" >>"$scratch/rates"
  done
  mine=$(awk '{ print $1 }' "$scratch/rates" | median)
  other=$(awk '{ print $2 }' "$scratch/rates" | median)
  ratio=$(awk '{ printf "%.3f\n", $1 / $2 }' "$scratch/rates" | median)
}

rate_row() {
  row_at_least "$1" "$ratio" "$2" "${mine%.*} : ${other%.*} requests a second"
}

measure_serve-hello() {
  start_servers
  race_servers 15 '7645 /verify 1' '7644 /verify 1'
  rate_row 'serve / axum saying hello' 0.9
}

measure_serve-nginx() {
  start_servers
  race_servers 15 '7645 /verify 1' '7641 / 1'
  rate_row 'serve / nginx return 200' 1.0
}

measure_auth-request() {
  start_servers
  race_servers 5 '7642 / 2' '7641 / 2'
  rate_row 'auth_request / return 200' 0.35
}

measure_auth-basic() {
  start_servers
  race_servers 3 '7642 / 2' '7643 / 2 BASIC=1'
  rate_row 'auth_request / auth_basic' 1.5
}

# Memory with 100,000 keys that were all seen and are all in use.
measure_serve-memory() {
  local kib
  start_servers
  fill good 100000 8 1 >"$serving/many"
  start 7646 "$BIN" --vault "$serving/vault.db" serve --listen 127.0.0.1:7646
  requests 7646 /verify 20 KEYS="$serving/many" >"$scratch/ignored"
  kib=$(awk '/^VmHWM/ { print $2 }' "/proc/${servers[-1]}/status")
  row 'memory with 100,000 keys' "$(awk "BEGIN { printf \"%.1f\", $kib * 1024 / 1e6 }")" 120 \
    'MB at most, resident'
}

# Every key for the first time: one hash each.
measure_first-sight() {
  local start least
  start_servers
  fill good 240 19456 2 >"$serving/fresh"
  start 7647 "$BIN" --vault "$serving/vault.db" serve --listen 127.0.0.1:7647
  other=$(bare_hashes 240)
  start=$EPOCHREALTIME
  xargs -P 8 -n 10 sh -c '
    for secret; do printf "next\nurl = http://127.0.0.1:7647/verify\nheader = \"api-key: %s\"\nfail\noutput = /dev/null\n" "$secret"; done |
      sed 1d | curl --silent --config -' sh <"$serving/fresh"
  mine=$(awk "BEGIN { printf \"%.2f\", 240 / ($EPOCHREALTIME - $start) }")
  ratio=$(awk "BEGIN { printf \"%.3f\", $mine / $other }")
  row_at_least 'first sight / bare hashes' "$ratio" 0.9 "$mine : $other a second"
}

# p99 KEYS SECONDS: the latency, in microseconds, that 1 of 100 requests of one caller exceeds.
p99() {
  env KEYS="$1" TARGET=/verify wrk -t1 -c1 -d"$2" --latency -s tests/bench.d/keys.lua \
    http://127.0.0.1:7645 >"$scratch/wrk"
  awk '/^ +99%/ { n = $2 + 0; if ($2 ~ /[0-9]ms/) n *= 1000; else if ($2 ~ /[0-9]s$/ && $2 !~ /us/) n *= 1000000; print n }' "$scratch/wrk"
}

flood() {
  local kind=$1 round flooding
  : >"$scratch/mine"
  : >"$scratch/other"
  for ((round = 0; round < 3; round++)); do
    p99 "$serving/keys" 3 >>"$scratch/other"
    env KEYS="$serving/$kind" TARGET=/verify wrk -t1 -c200 -d6 -s tests/bench.d/keys.lua \
      http://127.0.0.1:7645 >"$scratch/flood" 2>&1 &
    flooding=$!
    sleep 2
    p99 "$serving/keys" 3 >>"$scratch/mine"
    wait $flooding
  done
  mine=$(median <"$scratch/mine") other=$(median <"$scratch/other")
  ratio=$(awk "BEGIN { printf \"%.2f\", $mine / $other }")
  row "p99 in a flood of $kind" "$ratio" 3 "$mine us : $other us quiet"
}

measure_flood() {
  start_servers
  sed 's/-/+/' "$serving/keys" >"$serving/malformed"
  (umask 077 && mkdir "$scratch/elsewhere")
  "$BIN" --vault "$scratch/elsewhere/vault.db" generate api first 2>"$scratch/log" | cat >"$scratch/ignored"
  "$examples/fill" "$scratch/elsewhere/vault.db" good 10000 8 1 >"$serving/unknown"
  fill wrong 10000 19456 2 >"$serving/wrong"
  flood malformed
  flood unknown
  flood wrong
}
