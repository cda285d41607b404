-- For hit.lua, after usual.lua: the rule Counter of core/algorithms.py, but no refusals.
    if code == 3 then
      if now < x + b then
        if y == 0 and z == 0 then
          x = now
        end
      elseif now < x + 2 * b and y > 0 then
        x, y, z = x + b, 0, y
      else
        x, y, z = now, 0, 0
      end
      local weight = b / 1000
      local old = z * (weight - math.floor((now - x) / 1000))
      y = y + cost
      if old <= (a - y) * weight then
        ready, left, fresh = now, math.floor(((a - y) * weight - old) / weight), x + 2 * b
      end
    end
