-- KEYS: one per limit. ARGV[1]: "1" to spend, "0" to look only.
-- ARGV[2i], ARGV[2i+1]: microseconds that limit i is asked for, and its capacity.
-- A key holds the time, in microseconds, at which its limit will be wholly unspent.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local reply = {1}
for i, key in ipairs(KEYS) do
  local asked, capacity = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
  local drained = tonumber(redis.call('GET', key) or now) or now
  -- Above its capacity after the limit was tightened or the server's clock set back.
  local backlog = math.min(math.max(drained - now, 0), capacity)
  if backlog + asked > capacity then reply[1] = 0 end
  reply[i + 1] = backlog
end
if reply[1] == 0 or ARGV[1] == '0' then return reply end
for i, key in ipairs(KEYS) do
  local backlog = reply[i + 1] + tonumber(ARGV[2 * i])
  redis.call('SET', key, string.format('%.0f', now + backlog), 'PX', math.ceil(backlog / 1000))
  reply[i + 1] = backlog
end
return reply
