-- For scripts that read sessions, after dialog.lua: what there is to be known of one.
local function look(session, is_lenient)
  local fields = (is_lenient and redis.pcall or call)('HGETALL', session)
  if fields.err or #fields == 0 then
    return false
  end
  local version, activity
  for place = 1, #fields, 2 do
    if fields[place] == 'version' then
      version = fields[place + 1]
    elseif fields[place] == 'lastActivityAt' then
      activity = fields[place + 1]
    end
  end
  local one = known(session, version, activity)
  if settle(one) then
    return {fields, one.messages, one.tokens, one.compression, id_of(session)}
  end
  return {fields, -1, 0, '', id_of(session)}
end
