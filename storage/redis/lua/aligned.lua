-- For scripts about rate limits, after window.lua: the rule Aligned of core/algorithms.py.
rules[2] = {
  code = 2,
  settle = function(m, at)
    local start = at - at % m.b
    if m.x ~= start then
      m.x, m.y, m.z = start, 0, 0
    end
  end,
  ready = rules[1].ready,
  left = rules[1].left,
  fresh = rules[1].fresh,
  spend = rules[1].spend,
}
