-- For scripts that need it: a moment in milliseconds since 1970 as JavaScript writes it, or the last
-- one that can be written.
local function iso(ms)
  ms = math.min(ms, 253402300799999)
  local floor = math.floor
  local days = floor(ms / 86400000)
  local rest = ms - days * 86400000
  -- Years begin in March here, so that a leap day is the last one.
  local shifted = days + 719468
  local era = floor(shifted / 146097)
  local day = shifted - era * 146097
  local year = floor((day - floor(day / 1460) + floor(day / 36524) - floor(day / 146096)) / 365)
  day = day - (365 * year + floor(year / 4) - floor(year / 100))
  local month = floor((5 * day + 2) / 153)
  day = day - floor((153 * month + 2) / 5) + 1
  year = year + era * 400
  if month < 10 then
    month = month + 3
  else
    month, year = month - 9, year + 1
  end
  return string.format(
    '%04d-%02d-%02dT%02d:%02d:%02d.%03dZ', year, month, day,
    floor(rest / 3600000), floor(rest / 60000) % 60, floor(rest / 1000) % 60, rest % 1000
  )
end
