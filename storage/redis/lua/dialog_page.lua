-- Reads messages of a session, after dialog.lua.
-- KEYS: the session.
-- ARGV: the prefix of all keys; 1 where the newest come first, else 0; whether all are read
--   whatever is asked for, each with its score; the message that was read last and its score, or
--   nothing; how many are left out, and how many are wanted (-1 for all); after and before which
--   moment they were made, or nothing; and of which roles they are, if of any.
-- Returns the message that was looked at last and its score where there is more to look at, how
--   many are still to be left out, and the messages; or 0 where their scores tell no order, or 1
--   where the messages have to be counted first to know that; or nothing without a session, and 2
--   where that may come back at once.
local session, is_newest, is_whole = KEYS[1], ARGV[2] == '1', ARGV[3] == '1'
local messages, last = session .. ':messages', ARGV[4]
local skip, wanted = tonumber(ARGV[6]), tonumber(ARGV[7])
local after, before, roles = tonumber(ARGV[8]), tonumber(ARGV[9]), {}
for index = 10, #ARGV do
  roles[ARGV[index]] = true
end
local is_plain = #ARGV < 10 and not after and not before
if call('EXISTS', session) == 0 then
  return is_away(session) and 2
end
local range = is_newest and 'ZREVRANGE' or 'ZRANGE'
local place = 0

-- The first of so many places that comes after a score.
local function beyond(score, count)
  local low, high = 0, count
  while low < high do
    local middle = floor((low + high) / 2)
    local other = tonumber(call(range, messages, middle, middle, 'WITHSCORES')[2])
    if is_newest and other < score or not is_newest and other > score then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end

if ARGV[5] ~= '' then
  local rank, count = call('ZRANK', messages, last), call('ZCARD', messages)
  if rank then
    place = (is_newest and count - 1 - rank or rank) + 1
  else
    place = beyond(tonumber(ARGV[5]), count)
  end
elseif not is_whole then
  local largest = tonumber(call('ZRANGE', messages, -1, -1, 'WITHSCORES')[2]) or 0
  if largest >= 1e11 then
    local head = call('HMGET', session, 'version', 'lastActivityAt')
    local one = known(session, head[1], head[2])
    if not settle(one) then
      return 1
    elseif one.order == 'mixed' then
      return 0
    end
  end
  if is_plain and skip > 0 then
    -- Where none of them lacks its hash, the places are those of messages.
    local kept = call('HMGET', session .. ':messages:state', 'members', 'messages', 'lasts')
    local lasts = kept[3] == 'never' and NEVER or tonumber(kept[3]) or 0
    local is_true = tonumber(kept[1]) == call('ZCARD', messages) and now <= lasts
    if is_true and kept[1] == kept[2] then
      place, skip = skip, 0
    end
  end
end

local found, looked, size, is_over = {'', '', 0}, 0, 0, wanted == 0
local function is_wanted(message)
  if after or before then
    local made = moment(message[7]) or -9007199254740992
    if after and made <= after or before and made >= before then
      return false
    end
  end
  return #ARGV < 10 or roles[message[1] or '']
end
while not is_over do
  local step = AT_ONCE - looked
  if is_plain and wanted > 0 then
    step = math.min(step, wanted + skip)
  end
  local ids = call(range, messages, place, place + step - 1, 'WITHSCORES')
  is_over, place = #ids < 2 * step, place + step
  for index = 1, #ids, 2 do
    local message = kept_of(ids[index])
    looked = looked + 1
    if message and (is_whole or is_wanted(message)) then
      if skip > 0 then
        skip = skip - 1
      else
        message[10] = is_whole and ids[index + 1]
        found[#found + 1] = message
        wanted = wanted - 1
        size = size + #(message[2] or '') + #(message[6] or '')
      end
    end
    if wanted == 0 then
      is_over = true
      break
    elseif looked >= AT_ONCE or size >= 1048576 then
      found[1], found[2], is_over = ids[index], ids[index + 1], true
      break
    end
  end
end
found[3] = skip
return found
