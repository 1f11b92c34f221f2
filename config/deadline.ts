import pTimeout from 'p-timeout'

/**
 * Limits the time of a promise to `ms` milliseconds.
 *
 * @throws {Error} `no answer within … ms`; what the promise does afterwards is ignored
 */
export function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  return pTimeout(promise, { milliseconds: ms, message: `no answer within ${ms} ms` })
}
