-- The rows: of each one string with all members' parts, and an index of all of them in the order of their last change.
--
-- A row: when it was touched, the seq at which somebody's part was last taken out, the number of names and the names, 8
-- octets each; then the parts: the member's number, the seq of its last word, the time that its values are decayed to,
-- the values. K[kind] = {width, lifetime, names, format, merges, rates}.

local HEAD = 18
local PX_MARGIN, TOMBSTONE_PX = 60000, 60000

local function row_of(kind, id)
  local row = call('GET', P .. 'r:' .. id)
  if row and now - unpack('<d', row) > kind.lifetime then
    return false
  end
  return row
end

local function parts_at(row)
  return HEAD + 1 + 8 * unpack('<H', row, 17)
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

local function put(kind, id, row, age, names, values)
  local parts, freed = '', 0
  if row then
    parts, freed = without(row, 20 + 8 * kind.width, number), unpack('<d', row, 9)
  end
  names, seq = united(kind, row, names), seq + 1
  row = pack('<ddH', now, freed, #names / 8) .. names .. parts .. pack('<I4dd', number, seq, now - age) .. values
  call('SET', P .. 'r:' .. id, row, 'PX', floor(kind.lifetime * 1000) + PX_MARGIN)
  call('ZADD', ROWS, seq, id)
  return row
end

local out, carried = {}, 0
local function tell(id, kind, row, values)
  local names = row and sub(row, 17, parts_at(row) - 1) or '\0\0'
  out[#out + 1] = pack('<Bc0', #id, id) .. names .. pack(kind.format, spread(values))
  carried = carried + 1
end

-- Take in what a member tells of rows, and answer with what the others have of them.
local function take_rows(at)
  local count
  count, at = unpack('<I4', told, at)
  for _ = 1, count do
    local id, age, names, values
    id, age, names, at = unpack('<Bc0dH', told, at)
    local kind = K[sub(id, 1, 6)]
    values, at = sub(told, at + 8 * names, at + 8 * (names + kind.width) - 1), at + 8 * (names + kind.width)
    names = sub(told, at - 8 * kind.width - 8 * names, at - 8 * kind.width - 1)
    local row = row_of(kind, id)
    if age <= kind.lifetime then
      row = put(kind, id, row, age, names, values)
    end
    local merged = row and others(kind, row, number)
    if merged then tell(id, kind, row, merged) end
  end
  return at, count
end

-- Tell what others changed since this member last heard, those first that changed first.
local function take_news(before)
  local behind = call('ZCOUNT', ROWS, '(' .. exact(heard), '+inf')
  if behind > NEWS_MOST then
    heard = tonumber(call('ZREVRANGE', ROWS, NEWS_MOST, NEWS_MOST, 'WITHSCORES')[2])
  end
  local most, looked = carried + RECORDS_AT_ONCE, 0
  while carried < most and looked < 4 * RECORDS_AT_ONCE do
    local wanted = most - carried
    local found = call('ZRANGEBYSCORE', ROWS, '(' .. exact(heard), exact(before),
      'WITHSCORES', 'LIMIT', 0, wanted)
    for at = 1, #found, 2 do
      local id = found[at]
      local kind = K[sub(id, 1, 6)]
      local row = kind and row_of(kind, id)
      if row then
        local merged, last = others(kind, row, number)
        if unpack('<d', row, 9) > heard or (last and last > heard) then
          tell(id, kind, row, merged or kind.nobody)
        end
      end
      looked = looked + 1
    end
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
      local kept, whole = {}, true
      for part = start, #row, size do
        if lives((unpack('<I4', row, part))) then
          kept[#kept + 1] = sub(row, part, part + size - 1)
        else
          whole = false
        end
      end
      if not whole then
        seq = seq + 1
        local left = floor((kind.lifetime - (now - unpack('<d', row))) * 1000) + PX_MARGIN
        if #kept == 0 then
          row, left = sub(row, 1, 8) .. pack('<dH', seq, 0), TOMBSTONE_PX
        else
          row = sub(row, 1, 8) .. pack('<d', seq) .. sub(row, 17, start - 1) .. table.concat(kept)
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
      call('DEL', P .. 'r:' .. id)
    end
  end
  sweep = #found < 2 * some and 0 or tonumber(found[#found])
  local surplus = math.min(call('ZCARD', ROWS) - ROWS_MOST, some)
  if surplus > 0 then
    local gone = call('ZPOPMIN', ROWS, surplus)
    for at = 1, #gone, 2 do call('DEL', P .. 'r:' .. gone[at]) end
  end
end
