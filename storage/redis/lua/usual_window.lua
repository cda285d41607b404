-- For hit.lua, after usual.lua: the rule Window of core/algorithms.py.
    if code == 1 then
      if y <= 0 or now >= x + b then
        x, y = now, 0
      end
      if y + cost > a then
        ready, left, fresh = x + b, a - y, y > 0 and x + b or now
      else
        ready, left, fresh, y, z = now, a - y - cost, x + b, y + cost, 0
      end
    end
