import { Redis } from 'ioredis'

/** Marks a demo as running. Expires by itself if the demo is killed. */
const RUNNING_FOR_MS = 15_000
const RENEW_EVERY_MS = 5000

/**
 * Reserves a key prefix in Redis for this demo. Removes what an earlier demo left behind.
 *
 * @returns a function that removes every key under the prefix
 * @throws {Error} when another demo holds the prefix, or when there are keys that no demo created
 */
export async function claimKeys(url: string, prefix: string): Promise<() => Promise<void>> {
  const redis = new Redis(url, { maxRetriesPerRequest: 1, connectionName: 'auto-enroll demo' })
  redis.on('error', () => undefined)
  const [running, mark] = [`${prefix}:demo-is-running`, `${prefix}:made-by-the-demo`]
  try {
    await claim(redis, prefix, running, mark)
  } catch (error) {
    redis.disconnect()
    throw error
  }
  const renewing = setInterval(() => {
    redis.set(running, '1', 'PX', RUNNING_FOR_MS).catch(() => undefined)
  }, RENEW_EVERY_MS)
  return async () => {
    clearInterval(renewing)
    await removeKeys(redis, prefix, [])
    redis.disconnect()
  }
}

async function claim(redis: Redis, prefix: string, running: string, mark: string): Promise<void> {
  if ((await redis.set(running, '1', 'PX', RUNNING_FOR_MS, 'NX')) === null) {
    throw new Error(
      `another demo is running under the prefix ${prefix} of this Redis, or was killed a moment ago: ` +
        `stop it, or try again in ${RUNNING_FOR_MS / 1000} s`,
    )
  }
  if ((await redis.exists(mark)) === 0 && (await keysUnder(redis, prefix)).some((key) => key !== running)) {
    await redis.del(running)
    throw new Error(
      `this Redis has keys under ${prefix} that no demo created, and the demo touches only its own: ` +
        'remove them, or unset DATABASE_URL and QUEUE_URL',
    )
  }
  await redis.set(mark, '1')
  await removeKeys(redis, prefix, [running, mark])
}

async function removeKeys(redis: Redis, prefix: string, except: readonly string[]): Promise<void> {
  const keys = (await keysUnder(redis, prefix)).filter((key) => !except.includes(key))
  if (keys.length > 0) await redis.unlink(...keys)
}

async function keysUnder(redis: Redis, prefix: string): Promise<string[]> {
  const found: string[] = []
  for await (const page of redis.scanStream({ match: `${prefix}:*`, count: 1000 })) found.push(...page)
  return found
}
