-- Changes a session, after dialog_terms.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; how long it lasts from now, and until when from now it goes on, or
--   nothing; the version that is expected, or nothing; whether this is no activity, whether it
--   tells until when the session goes on, each 1 or 0; the new state of its compression
--   after a `=`, or nothing; how many words follow that are fields with their texts; these; and the
--   fields that go.
-- Returns `done` and what is kept then; or `missing`; or `stale` where the messages have to be counted
--   first; or `closed`, `conflict` or `corrupt` and what is there.
local session, ttl, session_ms, expected = KEYS[1], ARGV[2], ARGV[3], ARGV[4]
local is_quiet, is_told = ARGV[5] == '1', ARGV[6] == '1'
local head = head_of(session)
if not head then
  return {is_away(session) and 'away' or 'missing', '', ''}
end
local one = known(session, head[3], head[4])
if not settle(one) then
  return {'stale'}
end
local function held(word)
  return {word, more, shown(call('HGETALL', session)), one.messages, one.tokens, one.compression}
end
if not is_quiet and over(head[1], head[2]) then
  return held('closed')
end
local version = head[3]
if not version or version == '' then
  version = '1'
elseif not string.find(version, #version > 15 and '^%d+$' or '^%-?%d+$') then
  return {'corrupt'}
end
-- The number that follows, however large it is: a number of Lua is exact below 2^53 only.
local function following(text)
  if #text <= 15 then
    return string.format('%.0f', text + 1)
  end
  local start, last = string.match(text, '^(.-)(%d9*)$')
  last = string.gsub(last, '.', function(digit)
    return digit == '9' and '0' or string.format('%d', digit + 1)
  end)
  return string.find(last, '^0') and '1' .. last or start .. last
end
local function plain(text)
  return #text <= 15 and string.format('%.0f', text) or (string.gsub(text, '^0+', ''))
end
if expected ~= '' and plain(expected) ~= plain(version) then
  return held('conflict')
end

local last = 8 + ARGV[8]
local user = head[5]
for index = 9, last, 2 do
  check_list(ARGV[index] == 'userId' and ARGV[index + 1])
end
if last > 8 then
  call('HSET', session, unpack(ARGV, 9, last))
end
if #ARGV > last then
  call('HDEL', session, unpack(ARGV, last + 1))
end
if ARGV[7] ~= '' then
  one.compression = string.sub(ARGV[7], 2)
end
if not is_quiet then
  version = following(version)
  stir(one, session_ms, is_told)
else
  ttl = ''
  one.activity = call('HGET', session, 'lastActivityAt') or ''
end
call('HSET', session, 'version', version)
one.version = version
lasting(one, ttl)
one.renews = one.renews and not is_quiet
local now_user = call('HGET', session, 'userId')
if user and now_user ~= user then
  call('SREM', index_of(user), id_of(session))
  redis.pcall('HDEL', index_of(user) .. ':state', id_of(session))
end
stay(one, ttl, now_user)
return held('done')
