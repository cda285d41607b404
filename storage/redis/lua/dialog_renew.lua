-- Renews the messages of a session in slices, after dialog_terms.lua. It never makes anything end earlier
-- than others have decided meanwhile.
-- KEYS: the session. ARGV: the prefix of all keys, until when they last, from which place on, back to
--   the first ones, until when the session lasts when that is done, unless it was changed after the
--   moment that follows, and until when the messages lasted before.
-- Returns where it goes on, or -1.
local session = KEYS[1]
local head = head_of(session)
local deadline = ARGV[2] == 'never' and NEVER or tonumber(ARGV[2])
if not head or deadline <= now then
  return -1
end
local before = ARGV[6] == 'never' and NEVER or tonumber(ARGV[6])
local one = known(session, head[3], head[4])
if one.is_fresh and one.lasts ~= before and one.lasts >= deadline then
  return -1
end
local place = renew(session, tonumber(ARGV[3]), deadline)
if place < 0 then
  local ends = tonumber(ARGV[4])
  if ends and ends > now and head[4] == ARGV[5] and call('PTTL', session) >= 0 then
    extend(session, ends)
  end
  if one.is_fresh and (deadline == NEVER or one.lasts < deadline or one.lasts == NEVER) then
    call('HSET', one.state, 'lasts', ARGV[2])
  end
end
return place
