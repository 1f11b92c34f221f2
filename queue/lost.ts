import type { Queue } from 'bullmq'
import type { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import { QUEUE_NAME } from './user-created.js'

/**
 * Deduplication stores the id of each user's unfinished job. If the queue has lost some of its data (evicted keys, a
 * backup restored by half) or somebody else has written into it, that job may have vanished. Then no worker would ever find
 * it, and each new event would count as a duplicate.
 */

type Keys = Pick<Queue, 'toKey'>

/** The id of the user's unfinished job, if workers can find it. */
export async function findUnfinishedJob(
  client: Redis | Cluster | pg.Pool,
  bull: Keys,
  userId: string,
): Promise<string | undefined> {
  if ('query' in client) {
    const { rows } = await client.query<{ job_id: string }>(`select job_id ${KEPT_ON_POSTGRES}`, [
      QUEUE_NAME,
      [userId],
    ])
    return rows[0]?.job_id
  }
  const jobId = await client.get(bull.toKey(`de:${userId}`))
  if (jobId === null) return undefined
  return (await isUnfinished(client, bull, { userId, jobId })) ? jobId : undefined
}

/**
 * Removes the deduplication of users whose job has vanished, so that their events can be queued again.
 *
 * @returns those users
 */
export async function freeLostUsers(
  client: Redis | Cluster | pg.Pool,
  bull: Keys,
  userIds: readonly string[],
): Promise<string[]> {
  if (userIds.length === 0) return []
  if ('query' in client) {
    const { rows } = await client.query<{ dedup_id: string }>(FREE_ON_POSTGRES, [QUEUE_NAME, userIds])
    return rows.map((row) => row.dedup_id)
  }
  const suspects = await suspectsAmong(client, bull, userIds)
  const freed = await inChunks(suspects, (suspect) => free(client, bull, suspect))
  return suspects.filter((_, index) => freed[index] === 1).map(({ userId }) => userId)
}

/** Deduplication that names an unfinished job of the same user. */
const KEPT_ON_POSTGRES = `from dedup d where queue = $1 and dedup_id = any($2) and exists (
  select from job j where j.queue = d.queue and j.id = d.job_id and j.dedup_id = d.dedup_id
    and j.state not in ('completed', 'failed')
)`
const FREE_ON_POSTGRES = `delete ${KEPT_ON_POSTGRES.replace('and exists', 'and not exists')} returning dedup_id`

/** A user, and the job that deduplication stores for them. */
interface Named {
  userId: string
  jobId: string
}

const PAGE = 1000
const CHUNK = 200

/** For more users it is cheaper to read the ids of all unfinished jobs than to look for each job. */
const LOOKED_FOR_ONE_BY_ONE = 20

/** Users whose job was not found, or is another user's. A job that moves meanwhile may be missed. */
async function suspectsAmong(
  client: Redis | Cluster,
  bull: Keys,
  userIds: readonly string[],
): Promise<Named[]> {
  const jobIds = await inChunks(userIds, (userId) => client.get(bull.toKey(`de:${userId}`)))
  const named = userIds.flatMap((userId, index) => {
    const jobId = jobIds[index]
    return typeof jobId === 'string' ? [{ userId, jobId }] : []
  })
  if (named.length <= LOOKED_FOR_ONE_BY_ONE) return named

  const owners = await inChunks(named, ({ jobId }) => client.hget(bull.toKey(jobId), 'deid'))
  const [suspects, unseen] = [[] as Named[], new Map<string, Named>()]
  for (const [index, user] of named.entries()) {
    if (owners[index] === user.userId) unseen.set(user.jobId, user)
    else suspects.push(user)
  }
  for await (const page of unfinishedIds(client, bull)) for (const jobId of page) unseen.delete(jobId)
  return [...suspects, ...unseen.values()]
}

const LISTS = ['wait', 'paused', 'active'] as const
const SETS = ['prioritized', 'delayed'] as const

async function* unfinishedIds(client: Redis | Cluster, bull: Keys): AsyncGenerator<string[]> {
  for (const name of [...LISTS, ...SETS]) {
    for (let start = 0; ; start += PAGE) {
      const end = start + PAGE - 1
      const key = bull.toKey(name)
      const page = await (SETS.some((set) => set === name)
        ? client.zrange(key, `${start}`, `${end}`)
        : client.lrange(key, start, end))
      yield page
      if (page.length < PAGE) break
    }
  }
}

/**
 * Looks for the job and, if it has vanished, removes its deduplication in the same step, along with what is left of the job
 * unless it is kept as finished. Long lists are not searched again for each job, because all ids were read before; then only
 * the deduplication is removed.
 */
const LOOK_FOR_JOB = `
local base, jobId, userId, forget = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local dedup = base .. 'de:' .. userId
if redis.call('GET', dedup) ~= jobId then return 0 end
local certain = true
if redis.call('HGET', base .. jobId, 'deid') == userId then
  for _, list in ipairs({ 'wait', 'paused', 'active' }) do
    if forget == '1' and redis.call('LLEN', base .. list) > 10000 then
      certain = false
    elseif redis.call('LPOS', base .. list, jobId) then
      return 0
    end
  end
  for _, set in ipairs({ 'prioritized', 'delayed' }) do
    if redis.call('ZSCORE', base .. set, jobId) then return 0 end
  end
else
  certain = false
end
if forget == '1' then
  redis.call('DEL', dedup, base .. 'dn:' .. userId)
  if certain and not redis.call('ZSCORE', base .. 'completed', jobId) and not redis.call('ZSCORE', base .. 'failed', jobId) then
    redis.call('DEL', base .. jobId, base .. jobId .. ':lock', base .. jobId .. ':logs')
  end
end
return 1`

function free(client: Redis | Cluster, bull: Keys, { userId, jobId }: Named): Promise<unknown> {
  return client.eval(LOOK_FOR_JOB, 1, bull.toKey(''), jobId, userId, '1')
}

async function isUnfinished(client: Redis | Cluster, bull: Keys, { userId, jobId }: Named): Promise<boolean> {
  return (await client.eval(LOOK_FOR_JOB, 1, bull.toKey(''), jobId, userId, '0')) !== 1
}

/** Calls `ask` for each item, with a bounded number of calls at the same time. */
async function inChunks<Item, Answer>(
  items: readonly Item[],
  ask: (item: Item) => Promise<Answer>,
): Promise<Answer[]> {
  const answers: Answer[] = []
  for (let start = 0; start < items.length; start += CHUNK) {
    answers.push(...(await Promise.all(items.slice(start, start + CHUNK).map(ask))))
  }
  return answers
}
