import type { RedisOptions } from 'ioredis'

/**
 * How Redis refuses a write because it is a replica, or a master that was cut off from its replicas and may have been
 * replaced. Before Redis 7 the refusal of a script stands within a longer message.
 */
const REFUSED_BY_REPLICA = /(?:^|-)(?:READONLY|MASTERDOWN|NOREPLICAS|LOADING)\b/

/**
 * An ioredis option: a connection to a server that refuses writes is closed and opened again, to wherever Sentinel, a
 * cluster or a virtual address now says the master is. Without it a connection would stay with an old master for as long
 * as that lives on as a replica.
 *
 * The refused command ran no part, so it is sent again; once only, so that the caller learns of a master that stays away.
 */
export function leaveReplica(): NonNullable<RedisOptions['reconnectOnError']> {
  const sentAgain = new WeakSet<object>()
  return (error) => {
    if (!isRefusedByReplica(error)) return false
    const args = argumentsOf(error)
    if (args === undefined || sentAgain.has(args)) return true
    sentAgain.add(args)
    return RECONNECT_AND_RESEND
  }
}

export function isRefusedByReplica(error: unknown): boolean {
  return error instanceof Error && REFUSED_BY_REPLICA.test(error.message)
}

const RECONNECT_AND_RESEND = 2

/** The arguments of the refused command, always the same array for the same command. */
function argumentsOf(error: Error): object | undefined {
  if (!('command' in error) || typeof error.command !== 'object' || error.command === null) return undefined
  if (!('args' in error.command) || !Array.isArray(error.command.args)) return undefined
  return error.command.args
}
