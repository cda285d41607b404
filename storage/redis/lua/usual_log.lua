-- For hit.lua, after usual.lua: the rule Log of core/algorithms.py, but no refusals. A log of which
-- 1024 bytes were read is a large one, of which it neither reads nor writes more than matters.
    if code == 4 then
      local length = raw and #raw or 64
      local is_large = length == 1024
      if is_large then
        length = call('STRLEN', key)
      end
      local size, over, looks = (length - 64) / 8, now - b, 0
      local is_usual = y <= x and x - y <= size and size % 1 == 0
      local part, start = raw, 0
      while is_usual and y < x do
        local from = 64 + 8 * (y % size)
        if from < start or from + 8 > start + #part then
          looks = looks + 1
          if looks > 4 then
            is_usual = false
            break
          end
          part, start = call('GETRANGE', key, from, from + 127), from
        end
        local moment = unpacked('<d', part, from - start + 1)
        if not (moment >= 0 and moment <= now and moment % 1 == 0) then
          is_usual = false
        elseif moment > over then
          break
        end
        y = y + 1
      end
      if y == x then
        x, y = 0, 0
      end
      local needed = x - y + cost
      local at_place = size > 0 and x % size or 0
      if is_usual and needed <= a and not (is_large and (needed > size or at_place + cost > size)) then
        ready, left, fresh, z = now, a - needed, now + b, 0
        local sub = string.sub
        local stamps = pack('<d', now)
        if cost > 1 then
          stamps = string.rep(stamps, cost)
        end
        if is_large then
          x, place = x + cost, 64 + 8 * at_place
        elseif needed <= size then
          local rest = at_place + cost - size
          if rest <= 0 then
            body = sub(raw, 65, 64 + 8 * at_place) .. stamps .. sub(raw, 65 + 8 * (at_place + cost))
          else
            body = sub(stamps, 1, 8 * rest) .. sub(raw, 65 + 8 * rest, 64 + 8 * at_place) .. sub(stamps, 8 * rest + 1)
          end
          x = x + cost
        else
          -- All that counts moves into a ring with room for more.
          body = ''
          if x > y then
            local from = y % size
            local first = math.min(x - y, size - from)
            body = sub(raw, 65 + 8 * from, 64 + 8 * (from + first)) .. sub(raw, 65, 64 + 8 * (x - y - first))
          end
          size = math.min(a, needed + math.floor(needed / 8) + 4)
          body = body .. stamps .. string.rep('\0', 8 * (size - needed))
          x, y = needed, 0
        end
      end
    end
