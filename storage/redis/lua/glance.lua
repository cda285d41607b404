-- Reads the last messages of a conversation, about as many as fit, without a look at any of them.
-- KEYS: the conversation. ARGV: in one piece the most messages, tokens and turns (infinite where there
--   is no bound).
-- Returns what is known of the conversation; how many of the first messages always stay, or -1 where
--   all messages are there, or -2 where that can not be told so easily and there are none; and the
--   messages in order. Or nothing where there is no conversation, or -1 and the beginning of what is no
--   state.
local call, unpacked, key = redis.call, struct.unpack, KEYS[1]
local state = call('LINDEX', key, 0)
if not state then
  return false
elseif #state < 63 or string.sub(state, 1, 2) ~= '\0\1' then
  return {-1, string.sub(state, 1, 63)}
end
local most, most_tokens, most_turns = unpacked('<ddd', ARGV[1])
local messages, turns, _, tokens = unpacked('<I4I4I4I8', state, 12)
local guarded = unpacked('<H', state, 56)
-- They are taken to be as long as all are on average.
local wanted = most + 1
if most_tokens < math.huge then
  wanted = math.min(wanted, math.ceil(most_tokens * messages / math.max(tokens, 1)) + 2)
end
if most_turns < math.huge then
  wanted = math.min(wanted, math.ceil((most_turns + 1) * messages / math.max(turns, 1)) + 2)
end
-- Of many, the last ones tell how long they are: no more than about a megabyte is read at once.
local many, size = math.min(wanted + guarded, messages), 0
if many > 64 and many <= 256 then
  local last = call('LRANGE', key, -64, -1)
  for index = 1, #last do
    size = size + #last[index]
  end
  if size * many > 64 * 1048576 then
    return {state, -2}
  end
end
if wanted + guarded >= messages and messages <= 256 then
  local found = call('LRANGE', key, 0, -1)
  table.insert(found, 2, -1)
  return found
elseif wanted + guarded > 256 or guarded > 16 then
  return {state, -2}
end
local found = call('LRANGE', key, 0, guarded)
for number = 1, guarded do
  local one = found[number + 1]
  if not one or #one < 15 or unpacked('<I4', one, 6) ~= unpacked('<I4', state, 60 + 4 * number) then
    return {state, -2}
  end
end
local some = call('LRANGE', key, math.max(guarded + 1, call('LLEN', key) - wanted), -1)
table.insert(found, 2, guarded)
for index = 1, #some do
  found[guarded + 2 + index] = some[index]
end
return found
