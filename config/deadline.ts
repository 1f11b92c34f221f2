import pTimeout from 'p-timeout'

/**
 * The value of `promise`, unless it takes longer than `ms` milliseconds.
 *
 * @throws {Error} `no answer within … ms`; what the promise does later is ignored
 */
export function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return pTimeout(promise, { milliseconds: ms, message: `no answer within ${ms} ms` })
}
