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
  fill good $keys >"$serving/keys"
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
  fill good 100000 >"$serving/many"
  start 7646 "$BIN" --vault "$serving/vault.db" serve --listen 127.0.0.1:7646
  requests 7646 /verify 20 KEYS="$serving/many" >"$scratch/ignored"
  kib=$(awk '/^VmHWM/ { print $2 }' "/proc/${servers[-1]}/status")
  row 'memory with 100,000 keys' "$(awk "BEGIN { printf \"%.1f\", $kib * 1024 / 1e6 }")" 120 \
    'MB at most, resident'
}

# 100,000 keys after a restart, each for the first time, beside the same ones warm.
measure_first-sight() {
  local round
  start_servers
  [ -e "$serving/many" ] || fill good 100000 >"$serving/many"
  cargo build --quiet --locked --release --examples
  : >"$scratch/rates"
  for ((round = 0; round < 5; round++)); do
    start 7647 "$BIN" --vault "$serving/vault.db" serve --listen 127.0.0.1:7647
    "$examples/rate" 127.0.0.1:7647 <"$serving/many" >>"$scratch/rates"
    kill "${servers[-1]}" && wait "${servers[-1]}" || true
    unset 'servers[-1]'
  done
  mine=$(awk '{ print $1 }' "$scratch/rates" | median)
  other=$(awk '{ print $2 }' "$scratch/rates" | median)
  ratio=$(awk '{ printf "%.3f\n", $1 / $2 }' "$scratch/rates" | median)
  rate_row 'first sight / warm' 0.5
}

# Stopped, replaced, leaked and deleted by turns, while connections are warm.
measure_late() {
  local late made
  install_needs 'python3 python3'
  read -r late made < <(tests/bench.d/late.py "$BIN" "$scratch/late" 10000)
  row 'accepted after it was stopped' "$late" 0 "in $made rounds, on 4 warm connections each"
}

# p99 KEYS SECONDS: the latency, in microseconds, that 1 of 100 requests of one caller exceeds.
p99() {
  env KEYS="$1" TARGET=/verify wrk -t1 -c1 -d"$2" --latency -s tests/bench.d/keys.lua \
    http://127.0.0.1:7645 >"$scratch/wrk"
  awk '/^ +99%/ { n = $2 + 0; if ($2 ~ /[0-9]ms/) n *= 1000; else if ($2 ~ /[0-9]s$/ && $2 !~ /us/) n *= 1000000; print n }' "$scratch/wrk"
}

# p99_in KEYS FLOOD: the same beside a flood of 200 connections with other secrets.
p99_in() {
  local flooding
  env KEYS="$2" TARGET=/verify wrk -t1 -c200 -d5 -s tests/bench.d/keys.lua \
    http://127.0.0.1:7645 >"$scratch/flood" 2>&1 &
  flooding=$!
  sleep 1
  p99 "$1" 3
  wait $flooding
}

# flood KIND KEYS: a valid key beside a flood of that kind, and beside one of other valid keys.
flood() {
  local kind=$1 keys=$2 round
  : >"$scratch/rates"
  for ((round = 0; round < 5; round++)); do
    printf '%s %s\n' "$(p99_in "$keys" "$serving/$kind")" "$(p99_in "$keys" "$serving/keys")" >>"$scratch/rates"
  done
  mine=$(awk '{ print $1 }' "$scratch/rates" | median)
  other=$(awk '{ print $2 }' "$scratch/rates" | median)
  ratio=$(awk '{ printf "%.3f\n", $1 / $2 }' "$scratch/rates" | median)
  row "p99 in a flood of $kind" "$ratio" 1.2 "$mine us : $other us in a flood of valid ones"
}

measure_flood() {
  start_servers
  head -n 100 "$serving/keys" >"$serving/few"
  sed 's/-/+/' "$serving/keys" >"$serving/malformed"
  (umask 077 && mkdir "$scratch/elsewhere")
  "$BIN" --vault "$scratch/elsewhere/vault.db" generate api first 2>"$scratch/log" | cat >"$scratch/ignored"
  "$examples/fill" "$scratch/elsewhere/vault.db" good 10000 >"$serving/unknown"
  fill wrong 10000 >"$serving/wrong"
  head -n 1 "$serving/keys" >"$serving/one"
  "$examples/lookalikes" 10000 <"$serving/one" >"$serving/lookalikes"
  for kind in malformed unknown wrong; do
    flood $kind "$serving/few"
  done
  # At the public tail of the very key that is measured.
  flood lookalikes "$serving/one"
}

# Answers to Postfix with 100,000 keys in the vault, each asked about once, beside a server that
# answers without looking.
measure_policy() {
  local round
  cargo build --quiet --locked --release --examples
  (umask 077 && mkdir "$scratch/policy")
  "$BIN" --vault "$scratch/policy/vault.db" generate smtp first 2>"$scratch/log" | cat >"$scratch/ignored"
  "$examples/fill" "$scratch/policy/vault.db" smtp 100000 | shuf >"$scratch/policy/usernames"
  start 7648 "$BIN" --vault "$scratch/policy/vault.db" serve --listen 127.0.0.1:7649 \
    --listen-policy 127.0.0.1:7648
  start 7650 "$examples/policy" serve 127.0.0.1:7650
  : >"$scratch/times"
  for ((round = 0; round < 5; round++)); do
    sed -n "$((round * 20000 + 1)),$(((round + 1) * 20000))p" "$scratch/policy/usernames" >"$scratch/some"
    printf '%s %s\n' "$("$examples/policy" ask 127.0.0.1:7648 <"$scratch/some")" \
      "$("$examples/policy" ask 127.0.0.1:7650 <"$scratch/some")" >>"$scratch/times"
  done
  column() { awk "{ print \$$1 }" "$scratch/times" | median; }
  row 'policy answer, p50' "$(column 1)" 200 "us; $(column 3) us without looking"
  row 'policy answer, p99' "$(column 2)" 1000 "us; $(column 4) us without looking"
}
