-- Appends messages to a conversation, all of them or none, and drops what has to go: core/history.py
-- and core/trim.py say how. What is to be is known after talk.lua, admitted.lua and trimmed.lua; this
-- writes it down.
-- KEYS: the conversation, a list: what is known of it, and its messages in order.
-- ARGV: the terms in one piece: the most messages, tokens and turns that stay, how long it lasts
--   from now and from its beginning, in milliseconds (infinite where there is no bound), the number
--   of the last message that is expected (-1 for any), whether the results of unknown calls are
--   kept, and an idempotency key, if any; then the messages, without their number and time.
-- Returns the number of the last message; or 1 and that where more is to be dropped, 2 and the first
--   and the last message that were appended under this key before, 3 and the last message where
--   another one was expected, 4 (5) and the last message and which one is refused as the result of
--   no call (as one too many that always stays, or for which no number is left); or -1 and the
--   beginning of what is no state.
-- The rest of it counts alterations.
mood = mood - mood % 4 + (leading and 1 or 0) + (led and 2 or 0)
local state = struct.pack(
  '<BBBI4I4I4I4I4I8I8I8I8HHHH', 0, 1, mood, seq, first, messages, turns, start,
  tokens, estimated, born, at, #guards / 4, #opens / 12, #spans / 8, #notes / 16
) .. guards .. opens .. spans .. notes

-- A list that is empty for a moment would lose its end.
if not raw then
  call('RPUSH', key, state)
elseif is_empty then
  call('LTRIM', key, 0, kept)
end
if not raw or is_empty then
  for index = 1, passed and #passed or 0 do
    call('RPUSH', key, passed[index])
  end
end
if is_empty then
  count = 0
end
for from = raw and 1 or place, count, 1000 do
  call('RPUSH', key, unpack(records, from, math.min(count, from + 999)))
end
if raw then
  if dropped > 0 and not is_empty then
    if kept == 0 and not passed then
      call('LTRIM', key, dropped, -1)
    elseif dropped < 3 and not is_broken then
      call('LREM', key, 1, gone)
      if other then
        call('LREM', key, 1, other)
      end
    else
      local front = call('LRANGE', key, 0, kept)
      for index = 1, passed and #passed or 0 do
        front[#front + 1] = passed[index]
      end
      call('LTRIM', key, place, -1)
      for index = #front, 1, -1 do
        call('LPUSH', key, front[index])
      end
    end
  end
  call('LSET', key, 0, state)
end
local ends = math.min(now + ttl, born + age)
if ends < math.huge then
  call('PEXPIREAT', key, ends)
end
if more then
  return {1, seq}
end
return seq
