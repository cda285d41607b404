-- For the script that appends to a conversation, after talk.lua: says what becomes of each message and
-- what is known after it, and returns where one of them is refused.
local before, leading, led, records, count = seq, mood % 2 == 1, mood % 4 >= 2, {}, 0
-- The calls that wait, once a message calls or answers: their ids in order, at which place each of them
-- stands there, and which message makes it. At other places there are calls that wait no more.
local order, standing, caller_of, oldest, newest, waiting = nil, nil, nil, 1, 0, 0
local guarded

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
  if flags % 128 >= 32 and not order then
    order, standing, caller_of, newest, waiting = {}, {}, {}, #opens / 12, #opens / 12
    for place = 1, newest do
      local id, caller = unpacked('<c8I4', opens, 12 * place - 11)
      order[place], standing[id], caller_of[id] = id, place, caller
    end
  end
  if flags % 128 >= 64 then
    if not guarded then
      guarded = {}
      for from = 1, #guards, 4 do
        guarded[unpacked('<I4', guards, from)] = true
      end
    end
    -- It stays for as long as the calls that it answers.
    flags = flags - flags % 2
    if flags % 4 < 2 then
      flags = flags + 2
    end
    local calls, answers = unpacked('<BB', one, 6)
    local callers, is_known = {}, true
    for from = 8 + 8 * calls, 8 * (calls + answers), 8 do
      local id = sub(one, from, from + 7)
      is_known = is_known and standing[id]
      callers[#callers + 1] = caller_of[id]
    end
    if is_known then
      local is_guarded, first_caller = false, math.huge
      for from = 8 + 8 * calls, 8 * (calls + answers), 8 do
        -- A call whose id is odd goes by its name, and may have several results.
        if string.byte(one, from) % 2 == 0 then
          standing[sub(one, from, from + 7)], waiting = nil, waiting - 1
        end
      end
      stays = false
      for place = 1, #callers do
        local caller = callers[place]
        if guarded[caller] or caller >= first then
          stays, is_guarded, first_caller = true, is_guarded or guarded[caller], math.min(first_caller, caller)
        end
      end
      if is_guarded then
        flags = flags + 1
      elseif stays and start > first_caller then
        -- Nothing begins between the call and this.
        local others = {}
        for from = 1, #spans, 8 do
          local one_start, one_end = unpacked('<I4I4', spans, from)
          if one_start ~= first_caller then
            others[#others + 1] = {one_start, one_end}
          end
        end
        others[#others + 1] = {first_caller, seq}
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
      if guarded then
        guarded[seq] = true
      end
    end
    if flags % 64 >= 32 then
      local last = 8 * unpacked('<B', one, 6)
      for from = 8, last, 8 do
        local id = sub(one, from, from + 7)
        waiting = waiting - (standing[id] and 1 or 0)
        standing[id] = nil
      end
      for from = 8, last, 8 do
        local id = sub(one, from, from + 7)
        if not standing[id] then
          newest, waiting = newest + 1, waiting + 1
          order[newest], standing[id], caller_of[id] = id, newest, seq
        end
      end
      while waiting > 256 do
        local id = order[oldest]
        if standing[id] == oldest then
          standing[id], waiting = nil, waiting - 1
        end
        oldest = oldest + 1
      end
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
if order then
  local left = {}
  for place = oldest, newest do
    local id = order[place]
    if standing[id] == place then
      left[#left + 1] = id .. struct.pack('<I4', caller_of[id])
    end
  end
  opens = table.concat(left)
end
if #note > 0 and #ARGV > 1 then
  notes = sub(notes .. note .. struct.pack('<I4I4', before + 1, seq), -512)
end
