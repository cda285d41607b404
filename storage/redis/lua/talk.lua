-- For the script that appends to a conversation, which says what it takes and returns: reads the terms
-- and what is known of the conversation, and returns where these do not allow it. What a common
-- message needs no look at is not unpacked.
local call, unpacked, sub = redis.call, struct.unpack, string.sub
local key, terms = KEYS[1], ARGV[1]
local most, most_tokens, most_turns, ttl, age, expected, keeps = unpacked('<ddddddB', terms)
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local raw = call('LINDEX', key, 0)
local mood, seq, first, messages, turns, start, tokens, estimated, born, at = 1, 0, 1, 0, 0, 0, 0, 0, now, now
local guards, opens, spans, notes = '', '', '', ''
if raw then
  local zero, version, g, o, s, n = 1, 0, 0, 0, 0, 0
  if #raw >= 63 then
    zero, version, mood, seq, first, messages, turns, start, tokens, estimated, born, at, g, o, s, n =
      unpacked('<BBBI4I4I4I4I4I8I8I8I8HHHH', raw)
  end
  if zero ~= 0 or version ~= 1 or #raw ~= 63 + 4 * g + 12 * o + 8 * s + 16 * n then
    return {-1, sub(raw, 1, 63)}
  end
  if o + s + n == 0 then
    guards = sub(raw, 64)
  else
    local after = 63 + 4 * g
    guards = sub(raw, 64, after)
    opens = sub(raw, after + 1, after + 12 * o)
    after = after + 12 * o
    spans = sub(raw, after + 1, after + 8 * s)
    notes = sub(raw, after + 8 * s + 1)
  end
  if at < now then
    at = now
  end
end
local note = ''
if #terms > 49 then
  note = sub(terms, 50)
  for from = 1, #notes, 16 do
    if sub(notes, from, from + 7) == note then
      local one, other = unpacked('<I4I4', notes, from + 8)
      return {2, one, other}
    end
  end
end
if expected >= 0 and expected ~= seq then
  return {3, seq}
elseif not raw and #ARGV == 1 then
  return 0
elseif seq + #ARGV - 1 > 4294967294 then
  return {5, seq, 4294967294 - seq}
end
