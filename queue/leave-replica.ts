import type { RedisOptions } from 'ioredis'

/**
 * How Redis rejects a write because it is a replica, or a master that lost its replicas and may have been replaced. Before
 * Redis 7 the error of a script contains this in a longer message.
 */
const REJECTED_BY_REPLICA = /(?:^|-)(?:READONLY|MASTERDOWN|NOREPLICAS|LOADING)\b/

/**
 * An ioredis option that reconnects when the server rejects writes. Sentinel, the cluster or a virtual address then leads to
 * the current master. Without it, the connection would stay with the old master for as long as that runs as a replica.
 *
 * No part of a rejected command has run, so it is sent again, but only once: if there is no master, the caller has to know.
 */
export function leaveReplica(): NonNullable<RedisOptions['reconnectOnError']> {
  const sentAgain = new WeakSet<object>()
  return (error) => {
    if (!isRejectedByReplica(error)) return false
    const args = argumentsOf(error)
    if (args === undefined || sentAgain.has(args)) return true
    sentAgain.add(args)
    return RECONNECT_AND_RESEND
  }
}

export function isRejectedByReplica(error: unknown): boolean {
  return error instanceof Error && REJECTED_BY_REPLICA.test(error.message)
}

const RECONNECT_AND_RESEND = 2

/** The arguments of the rejected command; each command always has the same array. */
function argumentsOf(error: Error): object | undefined {
  if (!('command' in error) || typeof error.command !== 'object' || error.command === null) return undefined
  if (!('args' in error.command) || !Array.isArray(error.command.args)) return undefined
  return error.command.args
}
