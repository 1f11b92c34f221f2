import { Gauge, type Registry } from 'prom-client'
import { within } from './deadline.js'

/** Reads a figure for one scrape; rejects when it is not known. */
type Read = () => Promise<number>

interface GaugeReads {
  registry: Registry
  timeoutMs: number
  usersWithoutEnrollment: Read
  oldestWaitingSeconds: Read
  unfinishedJobs: Read
}

/**
 * Figures of the whole system, read from the database and the queue at scrape time, whichever process is scraped. One that
 * cannot be read is absent from the scrape, so that an alert can distinguish "none" from "not known".
 */
export function registerGauges({ registry, timeoutMs, ...reads }: GaugeReads): void {
  gauge(
    'auto_enroll_users_without_enrollment',
    'Users who have no enrollment at all',
    reads.usersWithoutEnrollment,
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
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  }
}
