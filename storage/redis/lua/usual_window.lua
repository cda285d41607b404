-- For hit.lua, after usual.lua: the rule Window of core/algorithms.py.
usual[1] = function(now, cost, a, b, c, at, x, y)
  if y <= 0 or now >= x + b then
    x, y = now, 0
  end
  if y + cost > a then
    return x + b, a - y, y > 0 and x + b or now
  end
  return now, a - y - cost, x + b, x, y + cost, 0
end
