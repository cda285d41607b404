-- For hit.lua, after usual.lua: the rule Gcra of core/algorithms.py.
usual[5] = function(now, cost, a, b, c, at, x)
  x = x - c * (now - at)
  if x < 0 then
    x = 0
  end
  local full = x + cost * b
  if full > a then
    return now + math.ceil((full - a) / c), math.floor((a - x) / b), now + math.ceil(x / c)
  end
  return now, math.floor((a - full) / b), now + math.ceil(full / c), full, 0, 0
end
