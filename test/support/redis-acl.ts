import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const PASSWORD = 'of-the-tests'

/** Flags of a Redis with the users of `queue/redis.acl`; the default user may still do everything. */
export async function aclFlags(): Promise<string[]> {
  const file = join(await mkdtemp(join(tmpdir(), 'auto-enroll-acl-')), 'users.acl')
  const users = await readFile('queue/redis.acl', 'utf8')
  await writeFile(file, users.replace(/>\w+_PASSWORD/g, `>${PASSWORD}`))
  return ['--aclfile', file]
}

/** The same Redis for one of those users. */
export function asRedisUser(url: string, user: 'auto-enroll-sign-up' | 'auto-enroll-worker'): string {
  return url.replace('redis://', `redis://${user}:${PASSWORD}@`)
}
