-- For hit.lua, after usual_window.lua: the rule Aligned of core/algorithms.py.
usual[2] = function(now, cost, a, b, c, at, x, y)
  local start = now - now % b
  if x ~= start then
    y = 0
  end
  if y + cost > a then
    return start + b, a - y, y > 0 and start + b or now
  end
  return now, a - y - cost, start + b, start, y + cost, 0
end
