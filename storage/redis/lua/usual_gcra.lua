-- For hit.lua, after usual.lua: the rule Gcra of core/algorithms.py.
    if code == 5 then
      x = x - c * (now - at)
      if x < 0 then
        x = 0
      end
      local full = x + cost * b
      if full > a then
        ready, left, fresh = now + math.ceil((full - a) / c), math.floor((a - x) / b), now + math.ceil(x / c)
      else
        -- Without a function that rounds, in the same numbers.
        left, fresh = (a - full) / b, full / c
        ready, left, fresh, x, y, z = now, left - left % 1, now + fresh + -fresh % 1, full, 0, 0
      end
    end
