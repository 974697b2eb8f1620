#!lua name=trio_lab_jobs
-- What can be done to the jobs on a server, each as one atomic step. The counterpart of table.py.
--
-- A job that waits is streaq's: an entry of one of its streams, or of its sorted sets of delayed tasks. A try begins when its
-- entry is deleted; from then on the job has a lease here, with the name of its worker and the number of its try, until the
-- try has ended. Then it is streaq's again, or over. All times are milliseconds of this server's clock, so that the clocks of
-- the hosts need not agree.

local ROOT = 'streaq:trio_lab:'
local STREAMS = ROOT .. 'queues:' -- this name and the next two are streaq's
local DELAYED = ROOT .. 'queues:delayed:'
local GROUP = 'workers'
local JOB = ROOT .. 'job:'
local LAST = ROOT .. 'jobs:last'
local LEASES = ROOT .. 'jobs:leases'
local TALLY = ROOT .. 'jobs:tally'
local URGENT = 5 -- levels are from 5 to -5

local KEPT = 86400 -- seconds that a job stays which has succeeded or was cancelled
local EXPIRED_AT_ONCE = 100 -- leases; the others at the next look
local SCANNED_AT_ONCE = 1000 -- jobs; then others have their turn
local WORKER_LOST = 'its worker was lost: the lease ran out before the job ended'

local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end

local function count(name, by)
  redis.call('HINCRBY', TALLY, name, by)
end

local function fields(id, ...)
  return redis.call('HMGET', JOB .. id, ...)
end

-- Give a job to streaq: at once, or when it is due.
local function queue(id, level, due, at)
  if due > at then
    redis.call('HSET', JOB .. id, 'due', due)
    redis.call('ZADD', DELAYED .. level, due, id)
  else
    redis.call('HDEL', JOB .. id, 'due')
    redis.call('XADD', STREAMS .. level, '*', 'task_id', id, 'enqueue_time', at)
  end
end

-- A try has ended, and the job is now in this state. ``told`` says who ended it: after a lost connection a worker tells again.
local function leave(id, state, told, due, at)
  local key = JOB .. id
  redis.call('ZREM', LEASES, id)
  redis.call('HDEL', key, 'worker', 'cancelling')
  redis.call('HSET', key, 'state', state, 'told', told)
  count('running', -1)
  if state == 'queued' then
    count('waiting', 1)
    queue(id, fields(id, 'level')[1], due, at)
    return
  end
  count('completions', 1)
  if state == 'succeeded' or state == 'cancelled' then redis.call('EXPIRE', key, KEPT) end
end

-- The end of a try that its worker tells: 'held' if it counts, 'told' if it has counted already, nil for the fence.
local function standing(id, tries, worker)
  local job = fields(id, 'state', 'tries', 'worker', 'told')
  if job[1] == 'running' and job[2] == tries and job[3] == worker then return 'held' end
  if job[4] == worker .. ' ' .. tries then return 'told' end
  count('fenced', 1)
  return nil
end

local function expire(id, at)
  local job = fields(id, 'tries', 'max_tries', 'cancelling')
  if not job[1] then return redis.call('ZREM', LEASES, id) end
  redis.call('HSET', JOB .. id, 'error', WORKER_LOST)
  count('lost', 1)
  local state = 'dead'
  if job[3] then
    state = 'cancelled'
  elseif tonumber(job[1]) < tonumber(job[2]) then
    state = 'queued'
  end
  leave(id, state, '', 0, at)
end

-- Submitting.

local function submit(_, argv)
  local bound, name, args, level, max_tries, delay, moment = unpack(argv)
  if bound ~= '' and tonumber(redis.call('HGET', TALLY, 'waiting') or 0) >= tonumber(bound) then return false end
  local at, id = now(), redis.call('INCR', LAST)
  redis.call('HSET', JOB .. id, 'name', name, 'args', args, 'level', level, 'max_tries', max_tries,
    'state', 'queued', 'tries', 0, 'created', at)
  count('waiting', 1)
  count('arrivals', 1)
  queue(id, level, moment ~= '' and tonumber(moment) or at + tonumber(delay), at)
  return id
end

-- A job that waits is cancelled; its entry in a stream is dropped when it is read. A job that runs is marked.
local function cancel(_, argv)
  local id = argv[1]
  local key, job = JOB .. id, fields(id, 'state', 'level')
  if job[1] == 'queued' then
    redis.call('ZREM', DELAYED .. job[2], id)
    redis.call('HDEL', key, 'due')
    redis.call('HSET', key, 'state', 'cancelled')
    redis.call('EXPIRE', key, KEPT)
    count('waiting', -1)
    count('cancelled', 1)
  elseif job[1] == 'running' then
    redis.call('HSET', key, 'cancelling', 1)
  end
end

local function retry(_, argv)
  local id, at = argv[1], now()
  local key, job = JOB .. id, fields(id, 'state', 'level')
  if job[1] ~= 'failed' and job[1] ~= 'dead' and job[1] ~= 'cancelled' then return end
  redis.call('PERSIST', key)
  redis.call('HDEL', key, 'error', 'progress', 'told')
  redis.call('HSET', key, 'state', 'queued', 'tries', 0)
  count('waiting', 1)
  count('arrivals', 1)
  queue(id, job[2], 0, at)
end

-- Working.

-- Take the jobs whose lease has run out from their workers. Returns the time, when the next lease runs out and when the next
-- delayed job is due (-1: there is none), and the levels that have delayed jobs which are due.
local function look(_, argv)
  local at = now()
  for _, id in ipairs(redis.call('ZRANGE', LEASES, '-inf', at, 'BYSCORE', 'LIMIT', 0, EXPIRED_AT_ONCE)) do
    expire(id, at)
  end
  local lease = redis.call('ZRANGE', LEASES, 0, 0, 'WITHSCORES')[2] or -1
  local due, levels = -1, {}
  for level = URGENT, -URGENT, -1 do
    local first = tonumber(redis.call('ZRANGE', DELAYED .. level, 0, 0, 'WITHSCORES')[2])
    if first and first <= at then levels[#levels + 1] = tostring(level) end
    if first and (due < 0 or first < due) then due = first end
  end
  return { at, tonumber(lease), due, levels }
end

-- Begin tries of the jobs that were read: a worker, a lease, and for each job the level, entry and id. Of several that have
-- read the same entry one deletes it, and begins.
local function begin(_, argv)
  local worker, at, begun = argv[1], now(), {}
  for i = 3, #argv, 3 do
    local level, entry, id = argv[i], argv[i + 1], argv[i + 2]
    redis.call('XACK', STREAMS .. level, GROUP, entry)
    local mine = redis.call('XDEL', STREAMS .. level, entry) == 1
    local job = fields(id, 'state', 'due', 'name', 'args', 'max_tries')
    local due = tonumber(job[2] or 0)
    if mine and job[1] == 'queued' and due > at then
      redis.call('ZADD', DELAYED .. level, due, id) -- an entry of an earlier life, or the clock was set back
    elseif mine and job[1] == 'queued' then
      local tries = redis.call('HINCRBY', JOB .. id, 'tries', 1)
      redis.call('HSET', JOB .. id, 'state', 'running', 'worker', worker)
      redis.call('HDEL', JOB .. id, 'due', 'progress', 'told')
      redis.call('ZADD', LEASES, at + tonumber(argv[2]), id)
      count('waiting', -1)
      count('running', 1)
      begun[#begun + 1] = { id, job[3], job[4], tries, tonumber(job[5]) }
    end
  end
  return begun
end

-- A lease, and for each job its id, try, worker and progress. Returns for each whether it is 0 lost, 1 held, 2 to be ended.
local function renew(_, argv)
  local at, found = now(), {}
  for i = 2, #argv, 4 do
    local id, tries, worker, progress = unpack(argv, i, i + 3)
    local job = fields(id, 'state', 'tries', 'worker', 'cancelling')
    local held = job[1] == 'running' and job[2] == tries and job[3] == worker
    if held then
      redis.call('ZADD', LEASES, at + tonumber(argv[1]), id)
      if progress ~= '' then redis.call('HSET', JOB .. id, 'progress', progress) end
    end
    found[#found + 1] = held and (job[4] and 2 or 1) or 0
  end
  return found
end

local function finish(_, argv)
  local id, tries, worker, result = unpack(argv)
  local found = standing(id, tries, worker)
  if found == 'held' then
    redis.call('HDEL', JOB .. id, 'error', 'progress')
    redis.call('HSET', JOB .. id, 'result', result)
    leave(id, 'succeeded', worker .. ' ' .. tries, 0, now())
  end
  return found and 1 or 0
end

-- ``again``: milliseconds until the next try; empty when no other can help.
local function fail(_, argv)
  local id, tries, worker, problem, again = unpack(argv)
  local found, at = standing(id, tries, worker), now()
  if found == 'held' then
    local job = fields(id, 'cancelling', 'max_tries')
    local state = 'failed'
    if job[1] then
      state = 'cancelled'
    elseif again ~= '' then
      state = tonumber(tries) < tonumber(job[2]) and 'queued' or 'dead'
    end
    redis.call('HSET', JOB .. id, 'error', problem)
    leave(id, state, worker .. ' ' .. tries, at + tonumber(again ~= '' and again or 0), at)
  end
  return found and 1 or 0
end

local function give_back(_, argv)
  local id, tries, worker, cancelled = unpack(argv)
  local found = standing(id, tries, worker)
  if found == 'held' then
    local state = (cancelled == '1' or fields(id, 'cancelling')[1]) and 'cancelled' or 'queued'
    if state == 'queued' then redis.call('HINCRBY', JOB .. id, 'tries', -1) end
    leave(id, state, worker .. ' ' .. tries, 0, now())
  end
  return found and 1 or 0
end

-- Telling.

local function get(_, argv)
  return { now(), redis.call('HGETALL', JOB .. argv[1]) }
end

-- The newest first, from an id down (empty: from the newest), of a state and of a name (empty: of any). Returns the time,
-- where to go on (0: that was all), and the jobs.
local function list(_, argv)
  local id, state, name, limit = tonumber(argv[1]), argv[2], argv[3], tonumber(argv[4])
  id = id or tonumber(redis.call('GET', LAST) or 0)
  local found, until_ = {}, id - SCANNED_AT_ONCE
  while id > 0 and id > until_ and #found < limit do
    local job = fields(id, 'state', 'name')
    if job[1] and (state == '' or state == job[1]) and (name == '' or name == job[2]) then
      found[#found + 1] = { id, redis.call('HGETALL', JOB .. id) }
    end
    id = id - 1
  end
  return { now(), math.max(id, 0), found }
end

local function tally()
  return redis.call('HGETALL', TALLY)
end

redis.register_function('trio_lab_submit', submit)
redis.register_function('trio_lab_cancel', cancel)
redis.register_function('trio_lab_retry', retry)
redis.register_function('trio_lab_look', look)
redis.register_function('trio_lab_begin', begin)
redis.register_function('trio_lab_renew', renew)
redis.register_function('trio_lab_finish', finish)
redis.register_function('trio_lab_fail', fail)
redis.register_function('trio_lab_give_back', give_back)
redis.register_function { function_name = 'trio_lab_get', callback = get, flags = { 'no-writes' } }
redis.register_function { function_name = 'trio_lab_list', callback = list, flags = { 'no-writes' } }
redis.register_function { function_name = 'trio_lab_tally', callback = tally, flags = { 'no-writes' } }
