-- wrk: each request with the next secret of the file that KEYS names, for TARGET.
local requests, at = {}, 0

function init()
  for secret in io.lines(os.getenv('KEYS')) do
    requests[#requests + 1] = wrk.format('GET', os.getenv('TARGET'), { ['api-key'] = secret })
  end
  math.randomseed(os.time())
  at = math.random(#requests)
end

function request()
  at = at % #requests + 1
  return requests[at]
end
