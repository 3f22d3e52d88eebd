-- HAProxy: asks `postkey serve` about each request. Made by `postkey connect haproxy`; on Debian
-- it belongs in /etc/haproxy/postkey.lua.
local credentials = { {haproxy_asked} }
-- By these a browser's question before a request is known (CORS); it asks for no WebSocket.
local preflight = { "origin", "access-control-request-method" }

local function ask(txn)
  local asked = {
    ["x-forwarded-method"] = { txn.f:method() },
    ["x-forwarded-uri"] = { txn.f:pathq() or "" },
    ["x-forwarded-for"] = { txn.f:src() },
  }
  -- All of a client's credentials, so that two keys are seen to be two.
  local given = txn.http:req_get_headers()
  local function pass_on(names)
    for _, name in ipairs(names) do
      local values = given[name]
      if values then
        asked[name] = {}
        for at = 0, #values do table.insert(asked[name], values[at]) end
      end
    end
  end
  pass_on(credentials)
  if not given["upgrade"] then pass_on(preflight) end
  txn:set_var("txn.postkey_status", 0)
  local answer = core.httpclient():get{
    url = "http://postkey/forward",
    dst = "{haproxy_checker}",
    headers = asked,
    -- In milliseconds. HAProxy tries four times: a checker that hangs holds a client for 5 seconds.
    timeout = 1250,
  }
  if not answer or not answer.headers then return end

  local function header(name)
    local values = answer.headers[name]
    return values and values[0]
  end
  local status = tonumber(header("x-postkey-status"))
  if not status then return end
  for _, name in ipairs({ "limit", "remaining", "reset" }) do
    local value = header("x-ratelimit-" .. name)
    if value then txn:set_var("txn.postkey_" .. name, value) end
  end
  local wait = header("retry-after")
  if wait then txn:set_var("txn.postkey_wait", wait) end
  if status == 200 and answer.status == 200 then
    txn:set_var("txn.postkey_name", header("x-postkey-name"))
  elseif header("access-control-allow-origin") then
    txn:set_var("txn.postkey_origin", header("access-control-allow-origin"))
    txn:set_var("txn.postkey_exposed", header("access-control-expose-headers"))
  end
  txn:set_var("txn.postkey_status", status)
end

core.register_action("postkey", { "http-req" }, ask)
