-- wrk: each request with the next secret of the file that KEYS names, for TARGET. With BASIC
-- the secrets are passwords of the users key-1, key-2 and so on.
local requests, at = {}, 0

local function base64(text)
  local digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
  local out = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    for shift, is_there in pairs({ [18] = true, [12] = true, [6] = b, [0] = c }) do
      local digit = math.floor(n / 2 ^ shift) % 64
      out[#out + 1] = { -shift + i * 100, is_there and digits:sub(digit + 1, digit + 1) or '=' }
    end
  end
  table.sort(out, function(x, y) return x[1] < y[1] end)
  for i = 1, #out do out[i] = out[i][2] end
  return table.concat(out)
end

function init()
  for secret in io.lines(os.getenv('KEYS')) do
    local headers = { ['api-key'] = secret }
    if os.getenv('BASIC') then
      local credentials = 'key-' .. (#requests + 1) .. ':' .. secret
      headers = { ['Authorization'] = 'Basic ' .. base64(credentials) }
    end
    requests[#requests + 1] = wrk.format('GET', os.getenv('TARGET'), headers)
  end
  math.randomseed(os.time())
  at = math.random(#requests)
end

function request()
  at = at % #requests + 1
  return requests[at]
end
