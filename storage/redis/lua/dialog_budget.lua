-- For the script that adds a message: how many tokens there may be in a session.

-- A number that a budget tells.
local function told(number)
  if type(number) == 'number' and math.abs(number) < 1e15 then
    return number < 0 and math.ceil(number) or math.floor(number)
  end
end

-- So many there may be; *otherwise* where it has no budget that can be read, and nothing where its
-- budget is no such bound.
local function most_of(text, otherwise)
  local is_read, budget = false, nil
  if text and string.find(text, '^%s*{') then
    is_read, budget = pcall(cjson.decode, text)
  end
  if not is_read then
    return otherwise
  elseif budget.overflowStrategy ~= 'error' then
    return nil
  end
  local most = told(budget.maxTokens)
  return most and math.max(0, most - (told(budget.reserveTokens) or 0)) or otherwise
end

