-- For hit.lua, after the algorithms of usual.lua: ends the loop that begins there. Lets something pass
-- by all meters, if it is decided the short way. What hit.lua says it takes and returns it takes and
-- returns too.
    if ready ~= now then
      if ready and count == 1 and ARGV[2] == 'hit' then
        return pack('<i8i8i8i8i8i8', 0, now, 0, ready - now, math.max(0, left), fresh - now)
      end
      reply = nil
      break
    end
    head = pack('<dddddddd', code, now, now, barred, told, x, y, z)
    if body then
      head = head .. body
    end
    till = now + 1000
    if fresh > till then
      till = fresh
    end
    if told > till then
      till = told
    end
    till = till / 1000
    till = till + -till % 1
    if number == 1 then
      reply = pack('<i8i8i8i8i8i8', 1, now, now, 0, left, fresh - now)
    else
      reply = reply .. pack('<i8i8i8', 0, left, fresh - now)
    end
    if number < count then
      if number == 1 then
        heads, ends, places = {head, false}, {till, false}, {place or false, false}
      else
        heads[number], ends[number], places[number] = head, till, place or false
      end
      place = nil
    end
  end
  local number = reply and count or 0
  while number > 0 do
    if place then
      call('SETRANGE', keys[number], 0, head)
      call('SETRANGE', keys[number], place, string.rep(pack('<d', now), cost))
      call('PEXPIREAT', keys[number], till)
    else
      call('SET', keys[number], head, 'PXAT', till)
    end
    number = number - 1
    if number > 0 then
      head, till, place = heads[number], ends[number], places[number]
    end
  end
  if reply then
    return reply
  end
end
