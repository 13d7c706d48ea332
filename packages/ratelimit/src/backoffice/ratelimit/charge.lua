-- Judges the charges of one request, or of several, one after the other.
-- KEYS: those of the first request, of the second, and so on.
-- ARGV, for each request: how many keys it has, and how (look, spend or settle); then for each of
-- its keys: kind, shadow (1 or 0), cost, the kind's two parameters, and the holder of a place (of
-- the other kinds: microseconds since what is given back was spent).
-- Replies with one list for each request: whether it is allowed, and for each of its keys what
-- remains, and the microseconds until the cost fits and until the limit is wholly unspent.
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local SECOND = 1000000
local LONGEST = 3660 * 86400 * SECOND

local time = redis.call('TIME')
local now = time[1] * SECOND + time[2]

local function whole(number)
  return string.format('%.0f', number)
end

-- A foreign value must not fail the requests that travel with this one.
local function text(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or ''
end

local kinds = {}

-- Parameters: microseconds until a unit comes back, and until all do. A key holds the time at
-- which its limit will be wholly unspent; when overspent, also by how many seconds it is.
-- The state is the backlog, in microseconds.
kinds.spread = {
  load = function(c)
    local drained, over = string.match(text(c.key), '^(%d+)%+?(%d*)$')
    if not drained then return 0 end
    -- Above that only after the limit was tightened or the server's clock set back.
    return min(max(drained - now, 0), c.second + (tonumber(over) or 0) * SECOND)
  end,
  most = function(c)
    return c.second / c.first
  end,
  wait = function(c, backlog, asked)
    return max(backlog + asked * c.first - c.second, 0)
  end,
  spent = function(c, backlog)
    local change = c.cost * c.first
    -- Of what is given back late, some has come back by itself.
    if change < 0 then change = min(change + (tonumber(c.holder) or 0), 0) end
    return min(max(backlog + change, 0), c.second + LONGEST)
  end,
  left = function(c, backlog)
    return max(floor((c.second - backlog) / c.first), 0), backlog
  end,
  save = function(c, backlog)
    if backlog == 0 then return redis.call('DEL', c.key) end
    local value = whole(now + backlog)
    if backlog > c.second then value = value .. '+' .. whole(ceil((backlog - c.second) / SECOND)) end
    redis.call('SET', c.key, value, 'PX', whole(ceil(backlog / 1000)))
  end,
}

local function charge(key, at)
  return {
    key = key,
    kind = kinds[ARGV[at]],
    shadow = ARGV[at + 1] == '1',
    cost = tonumber(ARGV[at + 2]),
    first = tonumber(ARGV[at + 3]),
    second = tonumber(ARGV[at + 4]) or ARGV[at + 4],
    holder = ARGV[at + 5],
  }
end

-- 0 where the cost fits. What can never fit waits for an unspent limit, and is never told 0.
local function wait(c, state)
  local asked, most = max(c.cost, 1), c.kind.most(c)
  if asked <= most then return c.kind.wait(c, state, asked) end
  return max(c.kind.wait(c, state, most), 1)
end

-- Gives what each key will hold; a key may be charged twice.
local function judge(charges, loaded, how)
  local allowed, after = true, {}
  for _, c in ipairs(charges) do
    local state = after[c.key] or loaded[c.key]
    c.wait = how == 'settle' and 0 or wait(c, state)
    if c.wait == 0 then
      after[c.key] = c.cost == 0 and state or c.kind.spent(c, state)
    elseif not c.shadow then
      allowed = false
    end
  end
  return allowed, after
end

local function answer(charges, how)
  local loaded = {}
  for _, c in ipairs(charges) do
    loaded[c.key] = loaded[c.key] or c.kind.load(c)
  end
  local allowed, after = judge(charges, loaded, how)
  local writes = allowed and how ~= 'look'
  local reply = {allowed and 1 or 0}
  for _, c in ipairs(charges) do
    if writes and c.wait == 0 and c.cost ~= 0 then c.kind.save(c, after[c.key]) end
    local remaining, reset = c.kind.left(c, writes and after[c.key] or loaded[c.key])
    reply[#reply + 1] = remaining
    reply[#reply + 1] = c.wait
    reply[#reply + 1] = reset
  end
  return reply
end

local replies, key, at = {}, 0, 1
while at <= #ARGV do
  local count, how, charges = tonumber(ARGV[at]), ARGV[at + 1], {}
  at = at + 2
  for i = 1, count do
    key = key + 1
    charges[i] = charge(KEYS[key], at)
    at = at + 6
  end
  replies[#replies + 1] = answer(charges, how)
end
return replies
