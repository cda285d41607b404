-- Reads messages of a conversation that are asked for, after history.lua.
-- KEYS: the conversation.
-- ARGV: in one piece whether the newest are wanted or the oldest, how many, before and after which
--   numbers, since and until when (infinite where nothing is asked); then the roles: the byte of
--   each, and the text of one that has none of its own.
-- Returns what is known of the conversation; 0 where that was all, 1 where there are more, or 2 where
--   there is more to look at, beyond the number that comes next; and the messages, in the order in
--   which they are wanted. What has no head stands where it stands.
local newest, limit, before, after, since, till = struct.unpack('<Bddddd', ARGV[1])
local roles, texts = nil, {}
for number = 2, #ARGV do
  roles = roles or {}
  roles[string.byte(ARGV[number])] = true
  texts[string.sub(ARGV[number], 2)] = true
end

local low, high = 1, last
if after > 0 then
  low = find(after + 1)
end
if since > -math.huge then
  low = math.max(low, find(since, true))
end
if before < math.huge then
  high = find_whole(before) - 1
end
if till < math.huge then
  high = math.min(high, find_whole(till, true) - 1)
end

local function is_wanted(one)
  if not roles or not told(one) then
    return true
  end
  local role = string.byte(one)
  if role < 255 or not roles[role] then
    return roles[role]
  end
  local from, flags = 16, string.byte(one, 2)
  if flags % 128 >= 32 then
    from = 18 + 8 * ((string.byte(one, 16) or 0) + (string.byte(one, 17) or 0))
  end
  return texts[string.sub(one, from + 1, from + (string.byte(one, from) or 0))]
end

local reply, found, looked, size = {state, 0, 0}, 0, 0, 0
local step = roles and 100 or math.min(limit + 1, 100)
while low <= high do
  local from, till = low, math.min(high, low + step - 1)
  if newest == 1 then
    from, till = math.max(low, high - step + 1), high
  end
  local some = call('LRANGE', key, from, till)
  for index = 1, #some do
    local one = some[newest == 1 and #some + 1 - index or index]
    local number = told(one)
    if is_wanted(one) then
      if found == limit then
        reply[2] = 1
        return reply
      end
      found = found + 1
      reply[3 + found] = one
    end
    looked, size = looked + 1, size + #one
    if (looked >= 5000 or size >= 1048576) and number then
      reply[2], reply[3] = 2, number
      return reply
    end
  end
  if newest == 1 then
    high = from - 1
  else
    low = till + 1
  end
end
return reply
