-- Claims: of each name one string with all claimants' portions, 16 octets each: number, wanted, most, occupied.
--
-- Comes to the same as cluster/division.py: max-min fair in whole units, and never more than the others leave.

local function even_share(portions, most)
  local wishes = {}
  for _, one in ipairs(portions) do
    if one.wanted > 0 then wishes[#wishes + 1] = one.wanted end
  end
  table.sort(wishes)
  local rest, left = most, #wishes
  for _, wish in ipairs(wishes) do
    local even = floor(rest / left)
    if wish > even then return even, rest - even * left end
    rest, left = rest - wish, left - 1
  end
  return wishes[#wishes] or 0, 0
end

-- Of what the even division leaves over one unit each goes to those who occupy more than the even share already, in
-- their order, and then to the others.
local function fair_share(portions, mine, most)
  local even, over = even_share(portions, most)
  if mine.wanted <= even then return mine.wanted end
  local keeps, passed, before = mine.occupied > even, false, 0
  for _, one in ipairs(portions) do
    if one == mine then
      passed = true
    elseif one.wanted > even then
      local comes_first = not passed
      if keeps ~= (one.occupied > even) then comes_first = not keeps end
      if comes_first then before = before + 1 end
    end
  end
  return even + (before < over and 1 or 0)
end

local function most_of(portions)
  local most
  for _, one in ipairs(portions) do
    if one.wanted > 0 and (not most or one.most < most) then most = one.most end
  end
  return most or 0
end

local function granted(portions, mine)
  local most, elsewhere = most_of(portions), 0
  for _, one in ipairs(portions) do
    if one ~= mine then elsewhere = elsewhere + one.occupied end
  end
  return math.max(0, math.min(fair_share(portions, mine, most), most - elsewhere))
end

local function portions_of(name)
  local written, portions, mine = call('HGET', CLAIMS, name) or '', {}, nil
  for at = 1, #written, 16 do
    local one = {}
    one.number, one.wanted, one.most, one.occupied = unpack('<I4I4I4I4', written, at)
    portions[#portions + 1] = one
    if one.number == number then mine = one end
  end
  return portions, mine
end

local function write(name, portions)
  if #portions == 0 then
    call('HDEL', CLAIMS, name)
    return
  end
  local written = {}
  for place, one in ipairs(portions) do
    written[place] = pack('<I4I4I4I4', one.number, one.wanted, one.most, one.occupied)
  end
  call('HSET', CLAIMS, name, table.concat(written))
end

local function claimants(portions)
  local count = 0
  for _, one in ipairs(portions) do
    if one.wanted > 0 then count = count + 1 end
  end
  return count
end

local function finish(name, portions, mine, theirs)
  if mine then
    for place, one in ipairs(portions) do
      if one == mine then table.remove(portions, place) break end
    end
    call('SREM', theirs, name)
    write(name, portions)
  end
  return 0, claimants(portions), most_of(portions)
end

local function claim(name, wanted, most, held)
  local portions, mine = portions_of(name)
  local theirs = P .. 'k:' .. number
  if wanted == 0 and held == 0 then
    return finish(name, portions, mine, theirs)
  end
  if not mine then
    if call('SCARD', theirs) >= CLAIMS_MOST then
      return 0, claimants(portions), most_of(portions)
    end
    call('SADD', theirs, name)
    call('PEXPIRE', theirs, KEPT_SECONDS * 1000)
    mine = {number = number}
    portions[#portions + 1] = mine
  end
  mine.wanted, mine.most, mine.occupied = wanted, most, held
  local units = wanted > 0 and granted(portions, mine) or 0
  mine.occupied = math.max(held, units)
  write(name, portions)
  return units, claimants(portions), most_of(portions)
end

local function take_claims(at)
  local count, grants = nil, {}
  count, at = unpack('<I4', told, at)
  for place = 1, count do
    local name, wanted, most, held
    name, wanted, most, held, at = unpack('<Bc0I4I4I4', told, at)
    grants[place] = pack('<I4I4I4', claim(name, wanted, most, held))
  end
  return grants
end
