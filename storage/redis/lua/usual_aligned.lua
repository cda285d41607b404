-- For hit.lua, after usual_window.lua: the rule Aligned of core/algorithms.py.
    if code == 2 then
      local start = now - now % b
      if x ~= start then
        y = 0
      end
      if y + cost > a then
        ready, left, fresh = start + b, a - y, y > 0 and start + b or now
      else
        ready, left, fresh, x, y, z = now, a - y - cost, start + b, start, y + cost, 0
      end
    end
