import { Cluster, Redis } from 'ioredis'
import type pg from 'pg'
import { Refusal } from '../config/refusal.js'
import type { EventQueue } from './open.js'

/** The application's database that a queue serves. Its workers say so every few seconds. */
export interface Owner {
  id: string
  /** A name of the database for people. */
  name: string
}

/** Another database whose workers have consumed this queue within the last minute. */
export interface ForeignOwner extends Owner {
  /** How long ago one of them last reported, by the clock of the queue's server. */
  silentMs: number
}

/** After this long without a report, another database may take the queue. */
const ALIVE_MS = 60_000

/**
 * Reports that workers of `owner` consume this queue. If nobody owns it, or its owner has been silent for a minute, it becomes
 * theirs.
 *
 * @returns the other database that owns the queue, in which case nothing was changed
 */
export async function claimQueue(queue: EventQueue, owner: Owner): Promise<ForeignOwner | undefined> {
  return foreign(await exchange(queue, owner, ALIVE_MS), owner)
}

/** Gives the queue to `owner`, even if another database has it. */
export async function adoptQueue(queue: EventQueue, owner: Owner): Promise<void> {
  await exchange(queue, owner, 0)
}

/** The other database that owns the queue, if one does. */
export async function foreignOwnerOf(queue: EventQueue, owner: Owner): Promise<ForeignOwner | undefined> {
  return foreign(await read(queue), owner)
}

/**
 * For code that queues users of this database or acts on its jobs.
 *
 * @throws {Refusal} when the queue is another database's
 */
export async function refuseForeignQueue(queue: EventQueue, owner: Owner): Promise<void> {
  const other = await foreignOwnerOf(queue, owner)
  if (other !== undefined) throw new Refusal(foreignQueueMessage(queue, owner, other))
}

/** What was found, what was expected, and what to do. */
export function foreignQueueMessage({ link }: EventQueue, owner: Owner, other: ForeignOwner): string {
  return (
    `the queue ${link.options.prefix} serves another database: ${other.name}, whose workers were there ` +
    `${Math.round(other.silentMs / 1000)} s ago. DATABASE_URL is ${owner.name}. Give each database a queue of its own ` +
    '(QUEUE_URL, or QUEUE_PREFIX). If this is the same database at a new place, stop the workers that still use the former ' +
    'one, and start again a minute later, or at once after `npm run migrate -- --adopt-queue`'
  )
}

function foreign(found: ForeignOwner | undefined, owner: Owner): ForeignOwner | undefined {
  return found === undefined || found.id === owner.id || found.silentMs > ALIVE_MS ? undefined : found
}

/** Writes the owner unless another one was there within `aliveMs`. Returns who has the queue now. */
async function exchange(
  queue: EventQueue,
  { id, name }: Owner,
  aliveMs: number,
): Promise<ForeignOwner | undefined> {
  const { client } = queue.link
  if (client instanceof Redis || client instanceof Cluster) {
    return parsed(await client.eval(EXCHANGE_ON_REDIS, 1, keyOf(queue), id, name, aliveMs))
  }
  await client.query(EXCHANGE_ON_POSTGRES, [...PLACE, JSON.stringify({ id, name }), id, aliveMs])
  return readPostgres(client)
}

async function read(queue: EventQueue): Promise<ForeignOwner | undefined> {
  const { client } = queue.link
  return client instanceof Redis || client instanceof Cluster
    ? parsed(await client.eval(READ_ON_REDIS, 1, keyOf(queue)))
    : readPostgres(client)
}

function keyOf({ link }: EventQueue): string {
  return `${link.options.prefix}:identity`
}

const READ_ON_REDIS = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function owner()
  local found = redis.call('HMGET', KEYS[1], 'id', 'name', 'seenAt')
  return found[1] and { found[1], found[2], now - found[3] }
end
`.concat('return owner()')

const EXCHANGE_ON_REDIS = READ_ON_REDIS.replace(
  'return owner()',
  `
local found = owner()
local isOthers = found and found[1] ~= ARGV[1] and math.abs(found[3]) < tonumber(ARGV[3])
if not isOthers then redis.call('HSET', KEYS[1], 'id', ARGV[1], 'name', ARGV[2], 'seenAt', now) end
return owner()`,
)

function parsed(answer: unknown): ForeignOwner | undefined {
  if (!Array.isArray(answer)) return undefined
  const [id, name, silentMs] = answer
  return { id: String(id), name: String(name), silentMs: Math.abs(Number(silentMs)) }
}

/** A row of BullMQ's table of settings, under the name of a queue that does not exist. */
const PLACE = ['auto-enroll', 'identity'] as const
const SILENT_MS = `abs(extract(epoch from clock_timestamp()) * 1000 - (m.value::jsonb->>'seenAt')::bigint)`

const EXCHANGE_ON_POSTGRES = `
  insert into meta as m (queue, field, value)
  values ($1, $2, ($3::jsonb || jsonb_build_object('seenAt', (extract(epoch from clock_timestamp()) * 1000)::bigint))::text)
  on conflict (queue, field) do update set value = excluded.value
  where m.value::jsonb->>'id' = $4 or ${SILENT_MS} >= $5`

async function readPostgres(pool: pg.Pool): Promise<ForeignOwner | undefined> {
  const { rows } = await pool.query<{ id: string; name: string; silent: string }>(
    `select m.value::jsonb->>'id' as id, m.value::jsonb->>'name' as name, ${SILENT_MS} as silent
     from meta m where queue = $1 and field = $2`,
    [...PLACE],
  )
  return rows[0] && { id: rows[0].id, name: rows[0].name, silentMs: Number(rows[0].silent) }
}
