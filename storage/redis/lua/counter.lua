-- For scripts about rate limits, after limit.lua: the rule Counter of core/algorithms.py.
rules[3] = {
  code = 3,
  settle = function(m, at)
    local x, y, per = m.x, m.y, m.b
    if at < x + per then
      if y == 0 and m.z == 0 then
        m.x = at
      end
    elseif at < x + 2 * per and y > 0 then
      m.x, m.y, m.z = x + per, 0, y
    else
      m.x, m.y, m.z = at, 0, 0
    end
  end,
  ready = function(m, cost)
    local x, y, z, weight = m.x, m.y, m.z, m.b / 1000
    local free = m.a - cost - y
    if z * (weight - math.floor((m.at - x) / 1000)) <= free * weight then
      return m.at
    elseif free >= 0 then
      return x + (weight - math.floor(free * weight / z)) * 1000
    end
    return x + m.b + (weight - math.min(weight, math.floor((m.a - cost) * weight / y))) * 1000
  end,
  left = function(m)
    local weight = m.b / 1000
    local old = m.z * (weight - math.floor((m.at - m.x) / 1000))
    return math.floor(math.max(0, (m.a - m.y) * weight - old) / weight)
  end,
  fresh = function(m)
    if m.y > 0 then
      return m.x + 2 * m.b
    end
    return m.z > 0 and m.x + m.b or m.at
  end,
  spend = function(m, cost)
    m.y = m.y + cost
  end,
}
