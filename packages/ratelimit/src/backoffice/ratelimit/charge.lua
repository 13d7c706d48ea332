-- Judges the charges of one request, or of several, one after the other.
-- KEYS: those of the first request, of the second, and so on.
-- ARGV, for each request: how many keys it has, and how (look, spend or settle); then for each of
-- its keys: kind, shadow (1 or 0), cost, the kind's two parameters, and the holder of a place (of
-- the other kinds: microseconds since what is given back was spent).
-- Replies with one list for each request: whether it is allowed, and for each of its keys what
-- remains, and the microseconds until the cost fits and until the limit is wholly unspent.
local floor, ceil, min, max = math.floor, math.ceil, math.min, math.max
local SECOND = 1000000
local HOUR = 3600 * SECOND
local DAY = 24 * HOUR
local LONGEST = 3660 * DAY

local time = redis.call('TIME')
local now = time[1] * SECOND + time[2]

local after_now = string.format('(%.0f', now)

-- A foreign value must not fail the requests that travel with this one.
local function text(key)
  local value = redis.pcall('GET', key)
  return type(value) == 'string' and value or ''
end

local function number(value, at, length)
  local found = 0
  for _, byte in ipairs({string.byte(value, at, at + length - 1)}) do found = found * 256 + byte end
  return found
end

local function bytes(number, length)
  local found = {}
  for place = length, 1, -1 do
    found[place] = string.char(number % 256)
    number = floor(number / 256)
  end
  return table.concat(found)
end

local function sum(units)
  local total = 0
  for _, each in ipairs(units) do total = total + each end
  return total
end

-- The first of the month that a day is in; both are counted from 1 January 1970. The civil
-- calendar repeats every 400 years, or 146097 days; its years are counted from 1 March 0.
local function first_of_month(day)
  local of_era = (day + 719468) % 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524)
    - floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * of_year + 2) / 153)
  return day - (of_year - floor((153 * month + 2) / 5))
end

-- Start and end of the present window.
local function window(length, offset)
  local start = floor((now - offset) / length) * length + offset
  return start, start + length
end
local windows = {
  hour = function() return window(HOUR, 0) end,
  day = function() return window(DAY, 0) end,
  -- The first Monday of 1970 was the fifth of January.
  week = function() return window(7 * DAY, 4 * DAY) end,
  month = function()
    local first = first_of_month(floor(now / DAY))
    return first * DAY, first_of_month(first + 31) * DAY
  end,
}

local kinds = {}

-- Parameters: microseconds until a unit comes back, and until all do. A key holds the time at
-- which its limit will be wholly unspent; when overspent, also by how many seconds it is.
-- The state is the backlog, in microseconds.
kinds.spread = {
  load = function(c)
    local value = text(c.key)
    local drained, over = tonumber(value), 0
    if not drained then
      drained, over = string.match(value, '^(%d+)%+(%d+)$')
      if not drained then return 0 end
    end
    -- Above that only after the limit was tightened or the server's clock set back.
    return min(max(drained - now, 0), c.second + over * SECOND)
  end,
  prepare = function(c)
    c.most = c.second / c.first
  end,
  wait = function(c, backlog, asked)
    return max(backlog + asked * c.first - c.second, 0)
  end,
  spent = function(c, backlog)
    local change = c.cost * c.first
    -- Of what is given back late, some has come back by itself.
    if change < 0 then change = min(change + c.age, 0) end
    return min(max(backlog + change, 0), c.second + LONGEST)
  end,
  left = function(c, backlog)
    return max(floor((c.second - backlog) / c.first), 0), backlog
  end,
  save = function(c, backlog)
    if backlog == 0 then return redis.call('DEL', c.key) end
    local value = now + backlog
    if backlog > c.second then
      value = string.format('%.0f+%.0f', value, ceil((backlog - c.second) / SECOND))
    end
    redis.call('SET', c.key, value, 'PX', ceil(backlog / 1000))
  end,
}

-- Parameters: how many, and microseconds of a slot. A key holds the number of the newest slot in
-- 6 bytes, and what was spent in it and in those before, in as many bytes each as the limit needs.
-- The state is that list, newest first. A slot counts whole until its last instant has left the
-- window.
kinds.strict = {
  prepare = function(c)
    c.most, c.bytes = c.first, 1
    while c.first >= 256 ^ c.bytes do c.bytes = c.bytes + 1 end
    -- Then a key takes 120 bytes.
    c.slots = floor(22 / c.bytes)
    c.newest = floor(now / c.second)
    -- Microseconds until what was spent in that slot has left.
    c.leaves = function(slot)
      return (c.newest - slot + 1 + c.slots) * c.second - now
    end
  end,
  load = function(c)
    local value, spent = text(c.key), {}
    -- Ahead of time only after the server's clock was set back.
    local behind = max(c.newest - number(value, 1, 6), 0)
    for slot = 1, c.slots do
      local at = 7 + (slot - 1 - behind) * c.bytes
      spent[slot] = at >= 7 and number(value, at, c.bytes) or 0
    end
    return spent
  end,
  wait = function(c, spent, asked)
    local excess = sum(spent) + asked - c.first
    local slot = c.slots
    while excess > spent[slot] and slot > 1 do
      excess = excess - spent[slot]
      slot = slot - 1
    end
    return excess > 0 and c.leaves(slot) or 0
  end,
  spent = function(c, before)
    local after = {}
    for slot, units in ipairs(before) do after[slot] = units end
    if c.cost > 0 then
      after[1] = min(after[1] + c.cost, 256 ^ c.bytes - 1)
    elseif floor((now - c.age) / c.second) + c.slots > c.newest then
      -- The oldest first: what is left then counts for longer than it was, never for less.
      local back = -c.cost
      for slot = c.slots, 1, -1 do
        local units = min(after[slot], back)
        after[slot] = after[slot] - units
        back = back - units
      end
    end
    return after
  end,
  left = function(c, spent)
    for slot, units in ipairs(spent) do
      if units > 0 then return max(c.first - sum(spent), 0), c.leaves(slot) end
    end
    return c.first, 0
  end,
  save = function(c, spent)
    local oldest = c.slots
    while oldest > 0 and spent[oldest] == 0 do oldest = oldest - 1 end
    if oldest == 0 then return redis.call('DEL', c.key) end
    local value = {bytes(c.newest, 6)}
    for slot = 1, oldest do value[slot + 1] = bytes(spent[slot], c.bytes) end
    local _, reset = c.kind.left(c, spent)
    redis.call('SET', c.key, table.concat(value), 'PX', ceil(reset / 1000))
  end,
}

-- Parameters: how many, and hour, day, week or month. A key holds the hour in which its window
-- began and what was spent in it. The state is what was spent in the present window.
kinds.calendar = {
  prepare = function(c)
    c.most = c.first
    c.start, c.finish = windows[c.second]()
  end,
  load = function(c)
    local hour, spent = string.match(text(c.key), '^(%d+):(%d+)$')
    if tonumber(hour) ~= c.start / HOUR then return 0 end
    return tonumber(spent)
  end,
  wait = function(c, spent, asked)
    return spent + asked > c.first and c.finish - now or 0
  end,
  spent = function(c, spent)
    -- What was spent in a window that is over is not given back to this one.
    if c.cost < 0 and now - c.age < c.start then return spent end
    return min(max(spent + c.cost, 0), c.first + LONGEST)
  end,
  left = function(c, spent)
    return max(c.first - spent, 0), spent > 0 and c.finish - now or 0
  end,
  save = function(c, spent)
    if spent == 0 then return redis.call('DEL', c.key) end
    local value = string.format('%.0f:%.0f', c.start / HOUR, spent)
    redis.call('SET', c.key, value, 'PX', ceil((c.finish - now) / 1000))
  end,
}

-- Parameters: how many places, and microseconds of a lease. A key holds who has a place, by the
-- end of the lease. The state is how many have one.
kinds.concurrent = {
  -- Settled at a cost of 0, a place is kept for another lease.
  renews = true,
  prepare = function(c)
    -- Whatever the cost, it is one place.
    c.most = math.huge
  end,
  load = function(c)
    local places = redis.pcall('ZCOUNT', c.key, after_now, '+inf')
    if type(places) == 'number' then return places end
    redis.call('DEL', c.key)
    return 0
  end,
  wait = function(c, places)
    local lease = tonumber(redis.call('ZSCORE', c.key, c.holder) or 0)
    c.held = lease > now
    -- Nobody knows when a place is given back; it is worth asking again after that.
    return (c.held or places < c.first) and 0 or SECOND
  end,
  spent = function(c, places)
    if c.cost < 0 or c.held then return places end
    return places + 1
  end,
  left = function(c)
    local places = redis.call('ZCOUNT', c.key, after_now, '+inf')
    local last = redis.call('ZREVRANGE', c.key, 0, 0, 'WITHSCORES')
    return max(c.first - places, 0), max((tonumber(last[2]) or 0) - now, 0)
  end,
  save = function(c)
    redis.call('ZREMRANGEBYSCORE', c.key, '-inf', now)
    if c.cost < 0 then
      redis.call('ZREM', c.key, c.holder)
    else
      redis.call('ZADD', c.key, now + c.second, c.holder)
    end
    local _, reset = c.kind.left(c)
    redis.call('PEXPIRE', c.key, ceil(reset / 1000))
  end,
}

local function charge(key, at)
  local c = {
    key = key,
    kind = kinds[ARGV[at]],
    shadow = ARGV[at + 1] == '1',
    cost = tonumber(ARGV[at + 2]),
    first = tonumber(ARGV[at + 3]),
    second = tonumber(ARGV[at + 4]) or ARGV[at + 4],
    holder = ARGV[at + 5],
    age = tonumber(ARGV[at + 5]) or 0,
  }
  c.kind.prepare(c)
  return c
end

-- 0 where the cost fits. What can never fit waits for an unspent limit, and is never told 0.
local function wait(c, state)
  local asked = max(c.cost, 1)
  if asked <= c.most then return c.kind.wait(c, state, asked) end
  return max(c.kind.wait(c, state, c.most), 1)
end

-- Gives what each key will hold; a key may be charged twice.
local function judge(charges, loaded, how)
  local allowed, after = true, {}
  local settles = how == 'settle'
  for _, c in ipairs(charges) do
    local state = after[c.key] or loaded[c.key]
    local keeps = settles and c.kind.renews and c.cost >= 0
    c.wait = (not settles or keeps) and wait(c, state) or 0
    c.counts = c.wait == 0 and (c.cost ~= 0 or keeps)
    if c.counts then
      after[c.key] = c.kind.spent(c, state)
    elseif c.wait > 0 and not (c.shadow or settles) then
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
  for _, c in ipairs(charges) do
    if writes and c.counts then c.kind.save(c, after[c.key]) end
  end
  local reply = {allowed and 1 or 0}
  for _, c in ipairs(charges) do
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
