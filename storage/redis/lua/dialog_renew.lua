-- Renews the messages of a session in slices, after dialog_terms.lua.
-- KEYS: the session. ARGV: the prefix of all keys, until when they last, from which place on, back to
--   the first ones, and until when the session lasts when that is done, unless it was changed after
--   the moment that follows.
-- Returns where it goes on, or -1.
local session = KEYS[1]
local head = head_of(session)
if not head then
  return -1
end
local deadline = ARGV[2] == 'never' and NEVER or tonumber(ARGV[2])
local place = renew(session, tonumber(ARGV[3]), deadline)
if place < 0 then
  local ends = tonumber(ARGV[4])
  if ends and head[4] == ARGV[5] then
    end_at(session, ends)
  end
  local one = known(session, head[3], head[4])
  if one.is_fresh and (deadline == NEVER or one.lasts < deadline or one.lasts == NEVER) then
    call('HSET', one.state, 'lasts', ARGV[2])
  end
end
return place
