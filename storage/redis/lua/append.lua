-- Appends messages to a conversation, all of them or none, and drops what has to go: core/history.py
-- and core/trim.py say how. What a common message needs no look at is not unpacked.
-- KEYS: the conversation, a list: what is known of it, and its messages in order.
-- ARGV: the terms in one piece: the most messages, tokens and turns that stay, how long it lasts
--   from now and from its beginning, in milliseconds (infinite where there is no bound), the number
--   of the last message that is expected (-1 for any), whether the results of unknown calls are
--   kept, and an idempotency key, if any; then the messages, without their number and time.
-- Returns the number of the last message; or 1 and that where more is to be dropped, 2 and the first
--   and the last message that were appended under this key before, 3 and the last message where
--   another one was expected, 4 (5) and the last message and which one is refused as the result of
--   no call (as one too many that always stays); or -1 and the beginning of what is no state, or -2.
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
end
local before, leading, led, records, count = seq, mood % 2 == 1, mood % 4 >= 2, {}, 0

-- Each message has flags: 1 it always stays, 2 nothing begins with it, 4 a turn begins, 8 its tokens
-- are an estimate, 16 it is the result of no call, 32 it calls, 64 it answers, 128 the next is led.
for number = 2, #ARGV do
  local one, stays = ARGV[number], true
  local role, flags = unpacked('<BI4', one)
  local cost = flags
  flags = flags % 256
  cost = (cost - flags) / 256
  seq = seq + 1
  local is_lost = false
  if led then
    if flags % 4 < 2 then
      flags = flags + 2
    end
    -- What it belongs to is gone, and all before that which does not always stay.
    is_lost = first >= seq and (guards == '' or unpacked('<I4', guards, #guards - 3) ~= seq - 1)
  end
  if leading then
    if role ~= 1 and role ~= 2 then
      leading = false
    elseif flags % 2 == 0 then
      flags = flags + 1
    end
  end
  led = flags >= 128
  if flags % 128 >= 64 then
    if flags % 4 < 2 then
      flags = flags + 2
    end
    local calls, answers = unpacked('<BB', one, 6)
    local waiting, answering, callers, is_known = {}, {}, {}, true
    for from = 1, #opens, 12 do
      waiting[sub(opens, from, from + 7)] = unpacked('<I4', opens, from + 8)
    end
    for from = 8 + 8 * calls, 8 * (calls + answers), 8 do
      local id = sub(one, from, from + 7)
      is_known = is_known and waiting[id]
      callers[#callers + 1], answering[id] = waiting[id], true
    end
    if is_known then
      -- It stays for as long as the calls that it answers.
      flags = flags - flags % 2
      -- A call whose id is odd goes by its name, and may have several results.
      local left, is_guarded, oldest = '', false, math.huge
      for from = 1, #opens, 12 do
        if not answering[sub(opens, from, from + 7)] or string.byte(opens, from) % 2 == 1 then
          left = left .. sub(opens, from, from + 11)
        end
      end
      opens, stays = left, false
      for place = 1, #callers do
        local caller, guarded = callers[place], false
        for from = 1, #guards, 4 do
          guarded = guarded or unpacked('<I4', guards, from) == caller
        end
        if guarded or caller >= first then
          stays, is_guarded, oldest = true, is_guarded or guarded, math.min(oldest, caller)
        end
      end
      if is_guarded then
        flags = flags + 1
      elseif stays and start > oldest then
        -- Nothing begins between the call and this.
        local others = {}
        for from = 1, #spans, 8 do
          local one_start, one_end = unpacked('<I4I4', spans, from)
          if one_start ~= oldest then
            others[#others + 1] = {one_start, one_end}
          end
        end
        others[#others + 1] = {oldest, seq}
        if #others > 16 then
          table.sort(others, function(a, b)
            return a[1] < b[1]
          end)
          others[2] = {others[1][1], math.max(others[1][2], others[2][2])}
          table.remove(others, 1)
        end
        spans = ''
        for place = 1, #others do
          spans = spans .. struct.pack('<I4I4', others[place][1], others[place][2])
        end
      end
    elseif keeps == 0 then
      return {4, before, number - 2}
    else
      flags = flags + 16
    end
  end
  local is_dropped = stays and is_lost and flags % 2 == 0
  if is_dropped then
    first = seq + 1
  end
  if stays then
    if flags % 2 == 1 then
      if #guards == 1024 then
        return {5, before, number - 2}
      end
      guards = guards .. struct.pack('<I4', seq)
    end
    if flags % 64 >= 32 then
      local calls, made, others = unpacked('<B', one, 6), {}, ''
      for from = 8, 8 * calls, 8 do
        local id = sub(one, from, from + 7)
        made[id], made[#made + 1] = true, id
      end
      for from = 1, #opens, 12 do
        if not made[sub(opens, from, from + 7)] then
          others = others .. sub(opens, from, from + 11)
        end
      end
      for place = 1, #made do
        others = others .. made[place] .. struct.pack('<I4', seq)
      end
      opens = sub(others, -3072)
    end
  end
  if stays and not is_dropped then
    if flags % 4 < 2 then
      start = seq
    end
    messages, tokens = messages + 1, tokens + cost
    if flags % 16 >= 8 then
      estimated = estimated + cost
    end
    if flags % 8 >= 4 and flags % 2 == 0 then
      turns = turns + 1
    end
    count = count + 1
    records[count] = struct.pack('<BI4I4I6', role, flags + 256 * cost, seq, at) .. sub(one, 6)
  end
end
if #note > 0 and #ARGV > 1 then
  notes = sub(notes .. note .. struct.pack('<I4I4', before + 1, seq), -512)
end

-- What goes: from the first message on that may, which stands at a place in the list.
local kept, place, dropped, more, is_empty = 0, 1, 0, false, false
local passed, gone, other, between = nil, nil, nil, nil
if messages > most or tokens > most_tokens or turns >= most_turns then
  -- What always stays, and is older than all that may go, stands before that.
  kept = #guards / 4
  while kept > 0 and unpacked('<I4', guards, 4 * kept - 3) >= first do
    kept = kept - 1
  end
  place = kept + 1
  for from = 1, #spans, 8 do
    between = between or {}
    between[#between + 1] = {unpacked('<I4I4', spans, from)}
  end
  local some, index, asked = records, 0, 0
  if raw then
    asked = 2
    some = call('LRANGE', key, place, place + 1)
  end
  while true do
    index = index + 1
    local one = some[index]
    if one then
      if #one < 15 then
        return {-2}
      end
      local _, flags, number = unpacked('<BI4I4', one)
      if number < first or number > seq then
        return {-2}
      end
      local cost = flags
      flags = flags % 256
      cost = (cost - flags) / 256
      if flags % 2 == 1 then
        passed = passed or {}
        passed[#passed + 1] = one
      else
        local begins = flags % 8 >= 4
        local is_over = messages > most or tokens > most_tokens or turns + (begins and 0 or 1) > most_turns
        local fits = not is_over
        if fits and dropped > 0 then
          fits = flags % 4 < 2
          for span = 1, between and #between or 0 do
            fits = fits and not (between[span][1] < number and number <= between[span][2])
          end
        end
        if fits or is_over and dropped >= 1000 then
          first, more = dropped > 0 and number or first, not fits
          break
        end
        dropped, messages, tokens = dropped + 1, messages - 1, tokens - cost
        if flags % 16 >= 8 then
          estimated = estimated - cost
        end
        if begins then
          turns = turns - 1
        end
        gone, other = one, gone
      end
      place = place + 1
    elseif asked == 0 then
      first, is_empty = dropped > 0 and seq + 1 or first, true
      break
    else
      -- After all that are in the list come the new ones.
      if index > asked then
        asked = 100
        some = call('LRANGE', key, place, place + 99)
      else
        asked, some = 0, records
      end
      index = 0
    end
  end
  if between then
    spans = ''
    for span = 1, #between do
      if between[span][2] >= first then
        spans = spans .. struct.pack('<I4I4', between[span][1], between[span][2])
      end
    end
  end
end
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
    elseif dropped < 3 then
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
