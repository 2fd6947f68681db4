-- The log of changes: the last change of every subject, and the last changes in order with their versions.
--
-- A change: when it is over, when it was made, its id, what it is about, and the rest, which only members read.

local function after(at, id, other_at, other_id)
  if at ~= other_at then return at > other_at end
  for place = 1, math.min(#id, #other_id) do
    local one, other = string.byte(id, place), string.byte(other_id, place)
    if one ~= other then return one > other end
  end
  return #id > #other_id
end

local function append(change)
  local over, at, id, scope = unpack('<ddHc0Hc0', change)
  if over <= now then return end
  local known = call('HGET', LATEST, scope)
  if known then
    local _, known_at, known_id = unpack('<ddHc0', known)
    if not after(at, id, known_at, known_id) then return end
  end
  version = version + 1
  call('HSET', LATEST, scope, change)
  call('ZADD', ENDS, over, scope)
  call('ZADD', LOG, version, change)
end

local function take_changes(at)
  local count, change
  count, at = unpack('<I4', told, at)
  for _ = 1, count do
    change, at = unpack('<I4c0', told, at)
    append(change)
  end
  if count > 0 then
    call('ZREMRANGEBYRANK', LOG, 0, -LOG_MOST - 1)
  end
  return at
end

-- Give what came since a version, or everything that holds, which whoever is new or was given up gets too; and whether
-- it is everything.
local function changes_since(known, informed)
  local missing = version - known
  if informed and missing == 0 then return {}, 0 end
  if informed and missing > 0 and missing <= call('ZCARD', LOG) then
    return call('ZRANGEBYSCORE', LOG, '(' .. exact(known), '+inf'), 0
  end
  local held = {}
  for _, change in ipairs(call('HVALS', LATEST)) do
    if unpack('<d', change) > now then held[#held + 1] = change end
  end
  return held, 1
end

-- Forget what is over; and of too many subjects the sources whose bans end soonest.
local function sweep_changes()
  for _, scope in ipairs(call('ZRANGEBYSCORE', ENDS, '-inf', now, 'LIMIT', 0, 50)) do
    call('HDEL', LATEST, scope)
    call('ZREM', ENDS, scope)
  end
  local surplus = call('HLEN', LATEST) - STATE_MOST
  if surplus > 0 then
    for _, scope in ipairs(call('ZRANGE', ENDS, 0, 2 * surplus)) do
      if surplus > 0 and sub(scope, 1, 7) == 'source:' then
        call('HDEL', LATEST, scope)
        call('ZREM', ENDS, scope)
        surplus = surplus - 1
      end
    end
  end
end
