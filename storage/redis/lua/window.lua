-- For scripts about rate limits, after limit.lua: the rule Window of core/algorithms.py.
rules[1] = {
  code = 1,
  settle = function(m, at)
    if m.y <= 0 or at >= m.x + m.b then
      m.x, m.y, m.z = at, 0, 0
    end
  end,
  ready = function(m, cost)
    return m.y + cost <= m.a and m.at or m.x + m.b
  end,
  left = function(m)
    return m.a - m.y
  end,
  fresh = function(m)
    return m.y > 0 and m.x + m.b or m.at
  end,
  spend = function(m, cost)
    m.y, m.z = m.y + cost, 0
  end,
}
