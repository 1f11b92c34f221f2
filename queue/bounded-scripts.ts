/**
 * The ids of jobs in one state, without those that are too long.
 *
 * `KEYS[1]` the state's list or sorted set · `ARGV` first, last, whether ascending, longest id
 */
export const READ_IDS = `
local key, first, last, ascending = KEYS[1], tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3] == '1'
local kind = redis.call('type', key).ok
local ids, read = {}, {}
if kind == 'zset' then
  read = redis.call(ascending and 'zrange' or 'zrevrange', key, first, last)
elseif kind == 'list' and not ascending then
  read = redis.call('lrange', key, first, last)
elseif kind == 'list' and first < redis.call('llen', key) then
  local reversed = redis.call('lrange', key, -(last + 1), -(first + 1))
  for index = #reversed, 1, -1 do read[#read + 1] = reversed[index] end
end
for _, id in ipairs(read) do
  if #id <= tonumber(ARGV[4]) then ids[#ids + 1] = id end
end
return ids`

/**
 * Fields of a job: nothing where there is none, 0 where it is larger than may be read.
 *
 * `KEYS[1]` the job · `ARGV` for each field its name, how many bytes may be read, and to how many a longer value is cut (0: not read)
 */
export const READ_FIELDS = `
local cuttable = 1048576
local values = {}
if redis.call('type', KEYS[1]).ok ~= 'hash' then return values end
for index = 1, #ARGV, 3 do
  local name, most, cut = ARGV[index], tonumber(ARGV[index + 1]), tonumber(ARGV[index + 2])
  local length = redis.call('hstrlen', KEYS[1], name)
  if length <= most then
    values[#values + 1] = redis.call('hget', KEYS[1], name)
  elseif cut > 0 and length <= cuttable then
    values[#values + 1] = string.sub(redis.call('hget', KEYS[1], name), 1, cut) .. ' …'
  else
    values[#values + 1] = 0
  end
end
return values`

/**
 * How many lines a job's log has, and then some of them, each cut.
 *
 * `KEYS[1]` the log · `ARGV` first, last, whether ascending, most lines, most bytes of each
 */
export const READ_LOGS = `
local count = redis.call('llen', KEYS[1])
local first, last, most = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[4])
if first < 0 then first = math.max(count + first, 0) end
if last < 0 then last = count + last end
last = math.min(last, count - 1, first + most - 1)
local found = { count }
for index = first, last do
  local position = ARGV[3] == '1' and index or count - 1 - index
  found[#found + 1] = string.sub(redis.call('lindex', KEYS[1], position), 1, tonumber(ARGV[5]))
end
return found`
