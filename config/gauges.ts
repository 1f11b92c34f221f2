import { Gauge, type Registry } from 'prom-client'
import { within } from './deadline.js'

/** Reads a figure when somebody asks for the metrics; a failure leaves the last known value. */
type Read = () => Promise<number>

interface GaugeReads {
  registry: Registry
  timeoutMs: number
  usersWithoutEnrollment: Read
  oldestWaitingSeconds: Read
  unfinishedJobs: Read
}

/** A count over all users takes up to a second on a million of them, so it is not repeated for every scrape. */
const COUNT_USERS_EVERY_MS = 30_000

/** Figures of the whole system, whichever process is asked: read from the database and the queue at scrape time. */
export function registerGauges({ registry, timeoutMs, ...reads }: GaugeReads): void {
  gauge(
    'auto_enroll_users_without_enrollment',
    'Users who have no enrollment at all',
    atMostEvery(COUNT_USERS_EVERY_MS, reads.usersWithoutEnrollment),
  )
  gauge(
    'auto_enroll_oldest_waiting_seconds',
    'Age of the oldest event that waits for a worker',
    reads.oldestWaitingSeconds,
  )
  gauge(
    'auto_enroll_unfinished_jobs',
    'Jobs that are waiting, delayed for a retry, or active',
    reads.unfinishedJobs,
  )

  function gauge(name: string, help: string, read: Read): void {
    new Gauge({
      name,
      help,
      registers: [registry],
      async collect() {
        const value = await within(timeoutMs, read()).catch(() => undefined)
        if (value !== undefined) this.set(value)
      },
    })
  }
}

function atMostEvery(intervalMs: number, read: Read): Read {
  let readAt = 0
  let last: Promise<number> | undefined
  return () => {
    if (last === undefined || Date.now() - readAt >= intervalMs) {
      readAt = Date.now()
      last = read()
      last.catch(() => {
        last = undefined
      })
    }
    return last
  }
}
