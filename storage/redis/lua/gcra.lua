-- For scripts about rate limits, after limit.lua: the rule Gcra of core/algorithms.py.
rules[5] = {
  code = 5,
  settle = function(m, at)
    local x = m.x - m.c * (at - m.at)
    m.x, m.y, m.z = x > 0 and x or 0, 0, 0
  end,
  ready = function(m, cost)
    local over = m.x + cost * m.b - m.a
    return over > 0 and m.at + math.ceil(over / m.c) or m.at
  end,
  left = function(m)
    return math.floor((m.a - m.x) / m.b)
  end,
  fresh = function(m)
    return m.at + math.ceil(m.x / m.c)
  end,
  spend = function(m, cost)
    m.x = m.x + cost * m.b
  end,
}
