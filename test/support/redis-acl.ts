import { readFile } from 'node:fs/promises'

const PASSWORD = 'of-the-tests'

/** Flags for a Redis with the users of `queue/redis.acl`. The default user may still do everything. */
export async function aclFlags(): Promise<string[]> {
  const users = await readFile('queue/redis.acl', 'utf8')
  return users
    .trim()
    .split('\n')
    .flatMap((line) => `--${line.replace(/>\w+_PASSWORD/, `>${PASSWORD}`)}`.split(' '))
}

/** The same Redis as one of those users. */
export function asRedisUser(
  url: string,
  user: 'auto-enroll-sign-up' | 'auto-enroll-worker' | 'auto-enroll-dashboard',
): string {
  return url.replace('redis://', `redis://${user}:${PASSWORD}@`)
}
