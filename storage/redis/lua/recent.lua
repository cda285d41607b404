-- Reads what always stays of a conversation, and of all others one more of the last than fit, after
-- history.lua.
-- KEYS: the conversation. ARGV: in one piece the most messages, tokens and turns (infinite where there
--   is no bound), before which number, and how many of each were read of those that come later.
-- Returns what is known of the conversation; 0 where that was all, 1 where there are more, or 2 where
--   there is more to look at, before the number that comes next; how many were read so far; and the
--   messages, the newest first. What has no head stands where it stands.
local most, most_tokens, most_turns, before, messages, tokens, turns = struct.unpack('<ddddddd', ARGV[1])
local first, guarded = struct.unpack('<I4', state, 8), struct.unpack('<H', state, 56)
local function guard(number)
  return struct.unpack('<I4', state, 60 + 4 * number)
end
local kept = 0
while kept < guarded and guard(kept + 1) < first do
  kept = kept + 1
end

local place = before < math.huge and find_whole(before) - 1 or last
local reply, word, oldest, looked, size = {state, 0, 0, 0, 0, 0}, 0, first, 0, 0
-- The last one that was looked at and has a head.
local reached = before
local step = math.min(most + 2, 100)
while place > kept and word == 0 do
  local some = call('LRANGE', key, math.max(kept + 1, place - step + 1), place)
  for index = #some, 1, -1 do
    local one, flags, cost = some[index], 0, 0
    local number = told(one)
    if number then
      cost = struct.unpack('<I4', one, 2)
      flags = cost % 256
      cost = (cost - flags) / 256
    end
    if flags % 2 == 0 then
      if messages > most or tokens > most_tokens or turns > most_turns then
        word, oldest = 1, number or reached
        break
      end
      messages, tokens = messages + 1, tokens + cost
      if flags % 8 >= 4 then
        turns = turns + 1
      end
    end
    looked, size, place, reached = looked + 1, size + #one, place - 1, number or reached
    reply[6 + looked] = one
    if (looked >= 5000 or size >= 1048576) and number and place > kept then
      reply[2], reply[3], reply[4], reply[5], reply[6] = 2, number, messages, tokens, turns
      return reply
    end
  end
end

-- What always stays of all that is older; what can not be found is empty, and so it is told.
for number = guarded, kept + 1, -1 do
  local wanted = guard(number)
  if wanted < oldest then
    local _, one = place_of(wanted)
    reply[#reply + 1] = one or ''
  end
end
if kept > 0 then
  local some = call('LRANGE', key, 1, kept)
  for index = #some, 1, -1 do
    reply[#reply + 1] = some[index]
  end
end
reply[2] = word
return reply
