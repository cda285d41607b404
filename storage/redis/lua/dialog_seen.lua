-- For scripts that read sessions, after dialog.lua: what there is to be known of one.
local function look(session)
  local fields = call('HGETALL', session)
  if #fields == 0 then
    return false
  end
  local version, activity, user
  for place = 1, #fields, 2 do
    if fields[place] == 'version' then
      version = fields[place + 1]
    elseif fields[place] == 'lastActivityAt' then
      activity = fields[place + 1]
    elseif fields[place] == 'userId' then
      user = fields[place + 1]
    end
  end
  local one = known(session, version, activity)
  local told = {shown(fields), -1, 0, '', id_of(session)}
  if settle(one) then
    told[2], told[3], told[4] = one.messages, one.tokens, one.compression
  end
  told.user, told.is_ours = user, one.is_ours
  return told
end
