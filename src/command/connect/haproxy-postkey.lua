-- HAProxy: asks `postkey serve` about each request. Printed by `postkey connect haproxy`; on Debian
-- it belongs in /etc/haproxy/postkey.lua.
local credentials = { {haproxy_asked} }
-- These identify a CORS preflight, which never asks for a WebSocket.
local preflight = { "origin", "access-control-request-method" }

-- A response's headers, with the status first; nil if they are incomplete.
local function receive(socket)
  local line = socket:receive("*l")
  local answer = { (line or ""):match("^HTTP/1%.1 (%d+)") }
  while line and line:gsub("\r$", "") ~= "" do
    local name, value = line:match("^([%w-]+): *(.-)\r?$")
    if name then answer[name:lower()] = value end
    line = socket:receive("*l")
  end
  return line and answer
end

-- One check on a connection of its own: core.httpclient() would repeat it if a response is late, and
-- each repetition would count against the limit.
local function fetch(lines)
  local socket = core.tcp()
  -- How long a checker that hangs delays a client, in seconds.
  socket:settimeout(5)
  local question = table.concat(lines, "\r\n") .. "\r\n\r\n"
  local answer = socket:connect("{haproxy_checker}") and socket:send(question) and receive(socket)
  socket:close()
  return answer
end

local function ask(txn)
  local lines = { "GET /forward HTTP/1.1", "host: postkey", "connection: close" }
  local function add(name, value)
    table.insert(lines, name .. ": " .. value:gsub("[\r\n]", " "))
  end
  add("x-forwarded-method", txn.f:method())
  add("x-forwarded-uri", txn.f:pathq() or "")
  add("x-forwarded-for", txn.f:src())
  -- All of a client's credentials, so that a second key is noticed.
  local given = txn.http:req_get_headers()
  local function pass_on(names)
    for _, name in ipairs(names) do
      local values = given[name]
      if values then
        for at = 0, #values do add(name, values[at]) end
      end
    end
  end
  pass_on(credentials)
  if not given["upgrade"] then pass_on(preflight) end
  txn:set_var("txn.postkey_status", 0)
  local answer = fetch(lines)
  if not answer then return end

  local status = tonumber(answer["x-postkey-status"])
  if not status then return end
  for _, name in ipairs({ "limit", "remaining", "reset" }) do
    local value = answer["x-ratelimit-" .. name]
    if value then txn:set_var("txn.postkey_" .. name, value) end
  end
  local wait = answer["retry-after"]
  if wait then txn:set_var("txn.postkey_wait", wait) end
  if status == 200 and answer[1] == "200" then
    txn:set_var("txn.postkey_name", answer["x-postkey-name"])
  elseif answer["access-control-allow-origin"] then
    txn:set_var("txn.postkey_origin", answer["access-control-allow-origin"])
    txn:set_var("txn.postkey_exposed", answer["access-control-expose-headers"])
  end
  txn:set_var("txn.postkey_status", status)
end

core.register_action("postkey", { "http-req" }, ask)
