-- What every call begins with: the time, who asks, and whether this is still the hub that was.
--
-- KEYS[1] is the prefix of all keys, KEYS[2] the key that names the protocol. ARGV: what is asked, the time (empty: the
-- server's), the server's run id, a random number below 2048, the member's id, the cluster's identity, what it tells,
-- and the server's time from which on nobody waits for the answer: what a server reads after a hang counts for nothing.
-- The table K of kinds stands before this text. Every key gets an end; what is swept is swept a little in each call.

local spread = unpack
local call, pack, unpack, sub, floor = redis.call, struct.pack, struct.unpack, string.sub, math.floor
local P = KEYS[1]
local asked, run, nonce, me, identity, told = ARGV[1], ARGV[3], tonumber(ARGV[4]), ARGV[5], ARGV[6], ARGV[7]
local ABOUT, ALIVE, MEMBERS, CARDS = P .. 'about', P .. 'alive', P .. 'members', P .. 'cards'
local ROWS, LOUD, LOG = P .. 'rows', P .. 'loud', P .. 'log'
local LATEST, ENDS, CLAIMS = P .. 'latest', P .. 'ends', P .. 'claims'

local time = call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1e6
if now > tonumber(ARGV[8]) then
  return redis.error_reply('REFUSED late')
end
if ARGV[2] ~= '' then
  now = tonumber(ARGV[2])
end

local spoken = call('GET', KEYS[2])
if spoken and spoken ~= PROTOCOL then
  return redis.error_reply('REFUSED protocol ' .. spoken)
end

-- version: of the change log. seq: one more with every change of a row. Both begin with the time, so that they never
-- come back, even if everything is forgotten: a server that was restarted or is another one begins a new age.
local about = call('HMGET', ABOUT, 'run', 'version', 'seq', 'next', 'purge', 'purge_end', 'sweep', 'tidied', 'identity')
local version, seq = tonumber(about[2] or 0), tonumber(about[3] or 0)
local numbers, purge, purge_end = tonumber(about[4] or 0), tonumber(about[5] or 0), tonumber(about[6] or 0)
local sweep, tidied = tonumber(about[7] or 0), tonumber(about[8] or 0)
if about[1] ~= run then
  local age = floor(now * 1000) * 2048 + nonce
  version, seq = math.max(version + 1, age), math.max(seq + 1, age)
  call('DEL', LOG)
end

-- Members: each has a number in this hub's life, how far it has heard the news of rows, and whether it has been told
-- everything since it came.

local function free_claims(number)
  local theirs = P .. 'k:' .. number
  for _, name in ipairs(call('SMEMBERS', theirs)) do
    local portions, kept = call('HGET', CLAIMS, name) or '', {}
    for at = 1, #portions, 16 do
      if unpack('<I4', portions, at) ~= number then
        kept[#kept + 1] = sub(portions, at, at + 15)
      end
    end
    if #kept > 0 then
      call('HSET', CLAIMS, name, table.concat(kept))
    else
      call('HDEL', CLAIMS, name)
    end
  end
  call('DEL', theirs)
end

local function drop(member)
  local known = call('HGET', MEMBERS, member)
  call('ZREM', ALIVE, member)
  call('HDEL', MEMBERS, member)
  call('HDEL', CARDS, member)
  if known then
    free_claims((unpack('<I4', known)))
    call('DEL', P .. 'n:' .. unpack('<I4', known))
    purge, purge_end = 1, seq  -- its parts are taken out of the rows bit by bit; nobody counts them from now on
  end
end

local function exact(value)  -- a number as Redis compares it
  return string.format('%.17g', value)
end

-- Whoever is refused changes nothing: what it dropped would not be remembered as to be taken out of the rows.
local since = exact(now - MEMBER_SECONDS)
if about[9] and about[9] ~= identity and call('ZCOUNT', ALIVE, since, '+inf') > 0 then
  return redis.error_reply('REFUSED identity')
end

for _, member in ipairs(call('ZRANGEBYSCORE', ALIVE, '-inf', '(' .. since, 'LIMIT', 0, 10)) do
  drop(member)
end

local number, heard, informed
local function join()
  local known = call('HGET', MEMBERS, me)
  if known then
    number, heard, informed = unpack('<I4dB', known)
  else
    if call('ZCARD', ALIVE) >= MEMBERS_MOST then
      return false
    end
    numbers = numbers + 1
    number, heard, informed = numbers, seq, 0
    call('HSET', MEMBERS, me, pack('<I4dB', number, heard, informed))
  end
  call('ZADD', ALIVE, now, me)
  return true
end

local alive  -- numbers of those who live, filled when it is needed
local function lives(one)
  if not alive then
    alive = {}
    for _, known in ipairs(call('HVALS', MEMBERS)) do
      alive[(unpack('<I4', known))] = true
    end
  end
  return alive[one]
end

-- What every call ends with.
local function remember()
  if now - tidied >= TIDY_SECONDS or now < tidied or about[1] ~= run then
    tidied = now
    call('SET', KEYS[2], PROTOCOL, 'PX', 3 * TIDY_SECONDS * 1000)
    for _, key in ipairs({ALIVE, MEMBERS, CARDS, ROWS, LOUD, LOG, LATEST, ENDS, CLAIMS}) do
      call('PEXPIRE', key, KEPT_SECONDS * 1000)
    end
    for _, known in ipairs(call('HVALS', MEMBERS)) do
      call('PEXPIRE', P .. 'k:' .. unpack('<I4', known), KEPT_SECONDS * 1000)
      call('PEXPIRE', P .. 'n:' .. unpack('<I4', known), KEPT_SECONDS * 1000)
    end
  end
  call('HSET', ABOUT, 'run', run, 'version', version, 'seq', seq, 'next', numbers, 'purge', purge,
    'purge_end', purge_end, 'sweep', sweep, 'tidied', tidied, 'identity', identity)
  call('PEXPIRE', ABOUT, KEPT_SECONDS * 1000)
end
