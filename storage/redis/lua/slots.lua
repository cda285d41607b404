-- For scripts about rate limits, after limit.lua: the rule Slots of core/algorithms.py.
rules[6] = {
  code = 6,
  open = function(m)
    m.body = string.sub(m.raw, 65)
    if #m.body % 24 ~= 0 then
      return false
    end
    for from = 17, #m.body, 24 do
      local till = struct.unpack('<d', m.body, from)
      if not (till >= 0 and till <= 9007199254740992 and till % 1 == 0) then
        return false
      end
    end
    return true
  end,
  settle = function(m, at)
    local alive, last = 0, at
    for from = 1, #(m.body or ''), 24 do
      local till = struct.unpack('<d', m.body, from + 16)
      if till > at then
        alive, last = alive + 1, math.max(last, till)
      end
    end
    m.x, m.y, m.z, m.last = alive, 0, 0, last
  end,
  ready = function(m, cost)
    local over, ends = m.x + cost - m.a, {}
    if over <= 0 then
      return m.at
    end
    for from = 1, #m.body, 24 do
      local till = struct.unpack('<d', m.body, from + 16)
      if till > m.at then
        ends[#ends + 1] = till
      end
    end
    table.sort(ends)
    return ends[over]
  end,
  left = function(m)
    return m.a - m.x
  end,
  fresh = function(m)
    local last = m.last or m.at
    for from = 1, m.last and 0 or #(m.body or ''), 24 do
      last = math.max(last, (struct.unpack('<d', m.body, from + 16)))
    end
    return last
  end,
  spend = function(m, cost, token)
    local alive, ends = {}, m.at + m.b
    token = token or string.rep('\0', 16)
    for from = 1, #(m.body or ''), 24 do
      if struct.unpack('<d', m.body, from + 16) > m.at then
        alive[#alive + 1] = string.sub(m.body, from, from + 23)
      end
    end
    alive[#alive + 1] = string.rep(struct.pack('<c16d', token, ends), cost)
    m.body, m.x, m.last = table.concat(alive), m.x + cost, math.max(m.last, ends)
  end,
}
