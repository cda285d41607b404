-- Counts the messages of a session in slices, after dialog.lua.
-- KEYS: the session. ARGV: the prefix of all keys, and what this returned before, or else a word of
--   who counts.
-- Returns nothing where it is known what there is; or a word, how many places were counted, the
--   messages in them, what they count, until when they last, what was there, and what is
--   known of their order.
local session = KEYS[1]
local head = call('HMGET', session, 'version', 'lastActivityAt')
if not head[1] and not head[2] and call('EXISTS', session) == 0 then
  return false
end
local one = known(session, head[1], head[2])
if one.is_fresh then
  return false
end
local there = table.concat({one.members, one.seq, one.version, one.activity}, '|')
local counting = call('HGET', one.state, 'counting')
local place = 0
uncount(one)
-- Who comes to an end forgets the word: what was counted before that may have been changed since.
if ARGV[3] and ARGV[7] == there and counting == ARGV[2] then
  place, one.messages, one.tokens = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
  one.lasts = math.min(one.lasts, ARGV[6] == 'never' and NEVER or tonumber(ARGV[6]))
  one.order, one.last = ARGV[8], tonumber(ARGV[9]) or ''
elseif not counting then
  counting = ARGV[2]
  call('HSET', one.state, 'counting', counting)
end
count(one, place, place + AT_ONCE - 1)
place = place + AT_ONCE
if place >= one.members then
  keep_counted(one)
  return false
end
return {
  counting, place, one.messages, one.tokens,
  one.lasts == NEVER and 'never' or string.format('%.0f', one.lasts), there,
  one.order, one.last,
}
