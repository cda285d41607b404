-- For scripts that need it: the moment in milliseconds since 1970 that an ISO date tells, which is in
-- UTC where it does not say otherwise; nothing for anything else.
local MONTHS = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}

-- How far from UTC it is, and nothing where that is no offset.
local function offset_ms(text)
  if text == '' or text == 'Z' or text == 'z' then
    return 0
  end
  local sign, hours, rest = text:match('^([+-])(%d%d)(.*)$')
  local minutes = rest == '' and '00' or rest and rest:match('^:?(%d%d)$')
  if not minutes or tonumber(hours) > 23 or tonumber(minutes) > 59 then
    return nil
  end
  local span = (hours * 60 + minutes) * 60000
  return sign == '-' and -span or span
end

-- What follows a date: the hour, the minute, the second, its fraction and the offset.
local function clock_of(rest)
  local hour, minute, second, fraction, more = nil, '0', '0', '0', nil
  hour, rest = rest:match('^[T ](%d%d)(.*)$')
  if not hour then
    return nil
  end
  local found, after = rest:match('^:?(%d%d)(.*)$')
  if found then
    minute, rest = found, after
    found, after = rest:match('^:?(%d%d)(.*)$')
    if found then
      second, rest = found, after
      found, after = rest:match('^[.,](%d+)(.*)$')
      if found then
        if #found > 9 then
          return nil
        end
        fraction, rest = (found .. '00'):sub(1, 3), after
      end
    end
  end
  return hour, minute, second, fraction, offset_ms(rest:match('^%s?(.*)$'))
end

local function moment(text)
  if not text then
    return nil
  end
  local pattern = '^(%d%d%d%d)%-(%d%d)%-(%d%d)T(%d%d):(%d%d):(%d%d)%.(%d%d%d)Z$'
  local year, month, day, hour, minute, second, fraction = text:match(pattern)
  local offset = 0
  if not year then
    local rest
    year, month, day, rest = text:match('^(%d%d%d%d)%-?(%d%d)%-?(%d%d)(.*)$')
    if not year then
      return nil
    elseif rest == '' then
      hour, minute, second, fraction = '0', '0', '0', '0'
    else
      hour, minute, second, fraction, offset = clock_of(rest)
    end
    if not hour or not offset then
      return nil
    end
  end
  year, month, day = tonumber(year), tonumber(month), tonumber(day)
  local days = MONTHS[month]
  if not days or day < 1 or day > days or year < 1 then
    return nil
  elseif month == 2 and day == 29 and (year % 4 ~= 0 or year % 100 == 0 and year % 400 ~= 0) then
    return nil
  elseif tonumber(hour) > 23 or tonumber(minute) > 59 or tonumber(second) > 59 then
    return nil
  end
  local floor = math.floor
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  local era = floor(year / 400)
  local since = year - era * 400
  local of_year = floor((153 * (month - 3) + 2) / 5) + day - 1
  local number = era * 146097 + since * 365 + floor(since / 4) - floor(since / 100) + of_year - 719468
  local ms = ((number * 24 + hour) * 60 + minute) * 60000 + second * 1000 + fraction - offset
  if ms < -62135596800000 or ms > 253402300799999 then
    return nil
  end
  return ms
end
