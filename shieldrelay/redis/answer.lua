-- What is asked and how it is answered. Each answer is one string, so that no error can stand within a list.

local function full()
  remember()
  return redis.error_reply('REFUSED full')
end

local function exchange()
  if not join() then return full() end
  local known, at = unpack('<d', told)
  purge_rows()
  local before, count = seq, nil
  at, count = take_rows(at)
  take_news(before)
  call('HSET', MEMBERS, me, pack('<I4dB', number, heard, 1))
  at = take_changes(at)
  local grants = take_claims(at)
  local changes, whole = changes_since(known, informed == 1)
  sweep_rows(count)
  sweep_changes()
  remember()
  local answer = {pack('<dI4BI4I4I4', version, call('ZCARD', ALIVE), whole, #out, #changes, #grants)}
  for _, one in ipairs(out) do answer[#answer + 1] = one end
  for _, one in ipairs(changes) do answer[#answer + 1] = pack('<I4c0', #one, one) end
  for _, one in ipairs(grants) do answer[#answer + 1] = one end
  return table.concat(answer)
end

local function meet()
  if not join() then return full() end
  call('HSET', CARDS, me, pack('<d', now) .. told)
  remember()
  local cards = call('HVALS', CARDS)
  for place, card in ipairs(cards) do cards[place] = pack('<I4c0', #card, card) end
  return pack('<I4', #cards) .. table.concat(cards)
end

local function leave()
  drop(me)
  purge_rows()
  remember()
  return ''
end

if asked == 'exchange' then return exchange() end
if asked == 'meet' then return meet() end
return leave()
