-- Keeps overrides in one hash: a field per policy and caller, its value the moment in microseconds
-- at which it ends (0: never), a space, and the limits.
-- ARGV per key: what to do, the field, the limits, how long in microseconds, how many at most.
-- An entry of the reply per key: whether it was done (-1: there are too many), then per override
-- its field, its limits and the microseconds that are left of it.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]

local function each(key)
  local found, flat = {}, redis.call('HGETALL', key)
  for at = 1, #flat, 2 do
    local ends, limits = string.match(flat[at + 1], '^(%d+) (.*)$')
    found[at / 2 + 0.5] = {field = flat[at], ends = tonumber(ends or 1), limits = limits}
  end
  return found
end

-- Nothing of ours stays for ever that need not.
local function tidy(key)
  local latest = 1
  for _, one in ipairs(each(key)) do
    if one.ends == 0 then
      latest = 0
    elseif one.ends <= now then
      redis.call('HDEL', key, one.field)
    elseif latest > 0 then
      latest = math.max(latest, one.ends)
    end
  end
  if latest == 0 then
    redis.call('PERSIST', key)
  elseif latest > 1 then
    redis.call('PEXPIREAT', key, string.format('%.0f', math.ceil(latest / 1000)))
  end
end

local function set(key, field, limits, span, most)
  tidy(key)
  if redis.call('HEXISTS', key, field) == 0 and redis.call('HLEN', key) >= most then
    return -1
  end
  local ends = span > 0 and now + span or 0
  redis.call('HSET', key, field, string.format('%.0f', ends) .. ' ' .. limits)
  tidy(key)
  return 1
end

local replies = {}
for at, key in ipairs(KEYS) do
  local what, field, limits, span, most = unpack(ARGV, at * 5 - 4, at * 5)
  local entry = {1}
  if what == 'set' then
    entry[1] = set(key, field, limits, tonumber(span), tonumber(most))
  elseif what == 'lift' then
    entry[1] = redis.call('HDEL', key, field)
    tidy(key)
  end
  for _, one in ipairs(each(key)) do
    if one.ends == 0 or one.ends > now then
      entry[#entry + 1] = one.field
      entry[#entry + 1] = one.limits
      entry[#entry + 1] = one.ends == 0 and 0 or one.ends - now
    end
  end
  replies[at] = entry
end
return replies
