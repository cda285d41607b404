-- For the script that appends to a conversation, after admitted.lua: says what goes of what is there and
-- of what is new. It reads no more than that, and one message after it.

-- What goes: from the first message on that may, which stands at a place in the list. One without a
-- head goes by its place as one message, unless the numbers around it say that it always stays.
local kept, place, dropped, more, is_empty, is_broken = 0, 1, 0, false, false, false
local passed, gone, other, between, whole_at, whole = nil, nil, nil, nil, 0, 0
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
      local role, cost, number = 0, 0, 0
      if #one >= 15 then
        role, cost, number = unpacked('<BI4I4', one)
      end
      local flags = cost % 256
      cost = (cost - flags) / 256
      if role < 1 or role > 6 and role < 255 or number < first or number > seq then
        number, flags, cost = nil, 0, 0
        -- The number of another one, its flags and its tokens; no number and zeros where it has no head.
        local function told(another)
          if #another >= 15 then
            local kind, means, known = unpacked('<BI4I4', another)
            local costs = means
            means = means % 256
            if (kind > 0 and kind < 7 or kind == 255) and known <= seq and (known >= first or means % 2 == 1) then
              return known, means, (costs - means) / 256
            end
          end
          return nil, 0, 0
        end
        if place >= whole_at then
          whole_at = place
          repeat
            whole_at = whole_at + 1
            local later = call('LINDEX', key, whole_at)
            whole = not later and before + 1 or told(later)
          until whole
        end
        -- It has that number at the most which it has if none is left out up to the next one.
        local guard = kept + (passed and #passed or 0)
        if 4 * guard < #guards and unpacked('<I4', guards, 4 * guard + 1) <= whole - whole_at + place then
          flags = 1
        end
        if not is_broken then
          -- What it was counted for is not known any more: all others are counted.
          is_broken, messages, tokens, estimated, turns = true, 0, 0, 0, 0
          local parts, from = {call('LRANGE', key, 1, kept), passed or {}, records}, place
          repeat
            for part = 1, #parts do
              for index = 1, #parts[part] do
                local _, means, costs = told(parts[part][index])
                messages, tokens = messages + 1, tokens + costs
                if means % 16 >= 8 then
                  estimated = estimated + costs
                end
                if means % 8 >= 4 and means % 2 == 0 then
                  turns = turns + 1
                end
              end
            end
            parts, from = {call('LRANGE', key, from, from + 99)}, from + 100
          until #parts[1] == 0
        end
      end
      if flags % 2 == 1 then
        passed = passed or {}
        passed[#passed + 1] = one
      else
        local begins = flags % 8 >= 4
        local is_over = messages > most or tokens > most_tokens or turns + (begins and 0 or 1) > most_turns
        local fits = not is_over
        if fits and dropped > 0 then
          fits = number and flags % 4 < 2
          for span = 1, between and #between or 0 do
            fits = fits and not (between[span][1] < number and number <= between[span][2])
          end
        end
        if fits or is_over and dropped >= 1000 and number then
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
