-- The rows: of each one string with all members' parts, and an index of all of them in the order of their last change.
--
-- A row: when it was touched, the seq at which it was last news to all (0: never), its level, the number of names and the
-- names, 8 octets each; then the parts: the member's number, the seq of its last word, the time that its values are
-- decayed to, the values. K[kind] = {width, lifetime, names, format, merges, rates}. LOUD has the rows that are news to
-- all by that seq; what is news only to those who have a part stands in an index of each of these members.

local HEAD = 22
local PX_MARGIN, TOMBSTONE_PX = 60000, 60000
local CROWD = 16  -- where more members told of a row lately, each is told the rest when it tells again

local function row_of(kind, id)
  local row = call('GET', P .. 'r:' .. id)
  if row and now - unpack('<d', row) > kind.lifetime then
    return false
  end
  return row
end

local function parts_at(row)
  return HEAD + 1 + 8 * unpack('<H', row, 21)
end

-- Merge the parts of all but one; gives the values or nothing, and the seq of the last word in them.
local function others(kind, row, except)
  local values, last
  local size, merges = 20 + 8 * kind.width, kind.merges
  for at = parts_at(row), #row, size do
    local whose, word, when = unpack('<I4dd', row, at)
    if whose ~= except and lives(whose) then
      local part = {unpack(kind.format, row, at + 20)}
      local age = now - when
      if age > 0 then
        for _, rate in ipairs(kind.rates) do
          local factor = math.exp(rate[1] * age)
          for field = 2, #rate do
            part[rate[field]] = part[rate[field]] * factor
          end
        end
      end
      if not values then
        values, last = part, word
      else
        if word > last then last = word end
        for field = 1, kind.width do
          local one, other, merge = values[field], part[field], merges[field]
          if merge == 0 then
            values[field] = one + other
          elseif one == 0 then
            values[field] = other
          elseif other ~= 0 then
            values[field] = merge == 1 and math.max(one, other) or merge == 2 and math.min(one, other) or one
          end
        end
      end
    end
  end
  return values, last
end

local function united(kind, row, names)
  local held = row and sub(row, HEAD + 1, parts_at(row) - 1) or ''
  if kind.names == 0 or names == '' then
    return held
  end
  local known, count = {}, #held / 8
  for at = 1, #held, 8 do known[sub(held, at, at + 7)] = true end
  local pieces = {held}
  for at = 1, #names, 8 do
    local name = sub(names, at, at + 7)
    if count >= kind.names then break end
    if not known[name] then
      known[name], count = true, count + 1
      pieces[#pieces + 1] = name
    end
  end
  return table.concat(pieces)
end

local function without(row, size, whose)
  for at = parts_at(row), #row, size do
    if unpack('<I4', row, at) == whose then
      return sub(row, parts_at(row), at - 1) .. sub(row, at + size)
    end
  end
  return sub(row, parts_at(row))
end

local filled = {}  -- indexes of members that got something in this call

-- Note a row that changed as news to the others: to all, or to those who told of it since a time, if they are not many.
-- Gives whether it was to all.
local function note(id, parts, size, to_all, since, most)
  if to_all then
    call('ZADD', LOUD, seq, id)
    return true
  end
  local concerned = {}
  for at = 1, #parts, size do
    local whose, _, when = unpack('<I4dd', parts, at)
    if when >= since and lives(whose) then concerned[#concerned + 1] = whose end
    if #concerned > most then return false end
  end
  for _, whose in ipairs(concerned) do
    local theirs = P .. 'n:' .. whose
    call('ZADD', theirs, seq, id)
    if not filled[whose] then call('PEXPIRE', theirs, KEPT_SECONDS * 1000) end
    filled[whose] = true
  end
  return false
end

-- Take the parts of those who are gone out of some parts; gives what is left, and whether anything was taken.
local function living(parts, size)
  local kept, whole = {}, true
  for at = 1, #parts, size do
    if lives((unpack('<I4', parts, at))) then
      kept[#kept + 1] = sub(parts, at, at + size - 1)
    else
      whole = false
    end
  end
  return table.concat(kept), not whole
end

-- A row that is told while a purge is on its way to it is out of the purge's sight then: it is purged here.
local function put(kind, id, row, age, names, values, always, level)
  local parts, loud, former, size = '', 0, 0, 20 + 8 * kind.width
  local to_all, since, most = always == 1, now - LATELY_SECONDS, CROWD
  if row then
    parts = without(row, size, number)
    loud, former = unpack('<dI4', row, 9)
    if purge_end > 0 then
      local lost
      parts, lost = living(parts, size)
      if lost then to_all, since, most = to_all or loud > 0, 0, MEMBERS_MOST end
    end
  end
  names, seq = united(kind, row, names), seq + 1
  if note(id, parts, size, to_all or level ~= former, since, most) then loud = seq end
  row = pack('<ddI4H', now, loud, level, #names / 8) .. names .. parts .. pack('<I4dd', number, seq, now - age) .. values
  call('SET', P .. 'r:' .. id, row, 'PX', floor(kind.lifetime * 1000) + PX_MARGIN)
  call('ZADD', ROWS, seq, id)
  return row
end

local out, carried = {}, 0
local function tell(id, kind, row, values)
  local names = row and sub(row, 21, parts_at(row) - 1) or '\0\0'
  out[#out + 1] = pack('<Bc0', #id, id) .. names .. pack(kind.format, spread(values))
  carried = carried + 1
end

-- Take in what a member tells of rows, and answer with what the others have of them.
local function take_rows(at)
  local count
  count, at = unpack('<I4', told, at)
  for _ = 1, count do
    local id, age, always, level, names, values
    id, age, always, level, names, at = unpack('<Bc0dBI4H', told, at)
    local kind = K[sub(id, 1, 6)]
    values, at = sub(told, at + 8 * names, at + 8 * (names + kind.width) - 1), at + 8 * (names + kind.width)
    names = sub(told, at - 8 * kind.width - 8 * names, at - 8 * kind.width - 1)
    local row = row_of(kind, id)
    if age <= kind.lifetime then
      row = put(kind, id, row, age, names, values, always, level)
    end
    local merged = row and others(kind, row, number)
    if merged then tell(id, kind, row, merged) end
  end
  return at, count
end

local function tell_news(id, changed_since)
  local kind = K[sub(id, 1, 6)]
  local row = kind and row_of(kind, id)
  if not row then return end
  local merged, last = others(kind, row, number)
  if unpack('<d', row, 9) > changed_since or (last and last > changed_since) then
    tell(id, kind, row, merged or kind.nobody)
  end
end

-- Tell what others changed since this member last heard, those first that changed first: what is news to it as one who
-- has a part, and then what is news to all. Of more than NEWS_MOST of either, those that changed first are forgotten.
local function take_news(before)
  local most, looked, mine = carried + RECORDS_AT_ONCE, 0, P .. 'n:' .. number
  call('ZREMRANGEBYRANK', mine, 0, -NEWS_MOST - 1)
  call('ZREMRANGEBYRANK', LOUD, 0, -NEWS_MOST - 1)
  local found = call('ZPOPMIN', mine, RECORDS_AT_ONCE)
  for at = 1, #found, 2 do tell_news(found[at], -1) end
  while carried < most and looked < 4 * RECORDS_AT_ONCE do
    local wanted = most - carried
    found = call('ZRANGEBYSCORE', LOUD, '(' .. exact(heard), exact(before), 'WITHSCORES', 'LIMIT', 0, wanted)
    for at = 1, #found, 2 do tell_news(found[at], heard) end
    looked = looked + #found / 2
    if #found < 2 * wanted then
      heard = seq
      return
    end
    heard = tonumber(found[#found])
  end
end

-- Take the parts of those who are gone out of some rows, and let the others hear of it.
local function purge_rows()
  if purge_end == 0 then return end
  local found = call('ZRANGEBYSCORE', ROWS, '(' .. exact(purge), exact(purge_end),
    'WITHSCORES', 'LIMIT', 0, PURGED_AT_ONCE)
  for at = 1, #found, 2 do
    local id = found[at]
    local kind = K[sub(id, 1, 6)]
    local row = kind and row_of(kind, id)
    if row then
      local size, start = 20 + 8 * kind.width, parts_at(row)
      local kept, lost = living(sub(row, start), size)
      if lost then
        seq = seq + 1
        local loud = unpack('<d', row, 9)
        local left = floor((kind.lifetime - (now - unpack('<d', row))) * 1000) + PX_MARGIN
        if note(id, kept, size, loud > 0, 0, MEMBERS_MOST) then loud = seq end
        if #kept == 0 then
          row, left = sub(row, 1, 8) .. pack('<dI4H', loud, 0, 0), TOMBSTONE_PX
        else
          row = sub(row, 1, 8) .. pack('<d', loud) .. sub(row, 17, start - 1) .. kept
        end
        call('SET', P .. 'r:' .. id, row, 'PX', left)
        call('ZADD', ROWS, seq, id)
      end
    end
  end
  purge = tonumber(found[#found] or 0)
  if #found < 2 * PURGED_AT_ONCE then purge, purge_end = 0, 0 end
end

-- Take out of the index what is over, a little at a time, and the rows that are too many.
local function sweep_rows(told_now)
  local some = 16 + 2 * told_now
  local found = call('ZRANGEBYSCORE', ROWS, '(' .. exact(sweep), '+inf', 'WITHSCORES', 'LIMIT', 0, some)
  for at = 1, #found, 2 do
    local id = found[at]
    local touched = call('GETRANGE', P .. 'r:' .. id, 0, 7)
    local kind = K[sub(id, 1, 6)]
    if touched == '' or (kind and now - unpack('<d', touched) > kind.lifetime) then
      call('ZREM', ROWS, id)
      call('ZREM', LOUD, id)
      call('DEL', P .. 'r:' .. id)
    end
  end
  sweep = #found < 2 * some and 0 or tonumber(found[#found])
  local surplus = math.min(call('ZCARD', ROWS) - ROWS_MOST, some)
  if surplus > 0 then
    local gone = call('ZPOPMIN', ROWS, surplus)
    for at = 1, #gone, 2 do
      call('DEL', P .. 'r:' .. gone[at])
      call('ZREM', LOUD, gone[at])
    end
  end
end
