import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { type Logger, lostLines } from '../config/log.js'

/** The worker's own metrics. */
export function createMetrics(registry: Registry, log: Logger) {
  const registers = [registry]
  new Counter({
    name: 'auto_enroll_log_lines_lost_total',
    help: 'Log lines that could not be written',
    registers,
    collect() {
      this.reset()
      this.inc(lostLines(log))
    },
  })
  return {
    jobs: new Counter({
      name: 'auto_enroll_jobs_total',
      help: 'Finished jobs by outcome',
      labelNames: ['outcome'],
      registers,
    }),
    retries: new Counter({
      name: 'auto_enroll_retries_total',
      help: 'Attempts that failed and will be retried',
      registers,
    }),
    enrollments: new Counter({
      name: 'auto_enroll_enrollments_total',
      help: 'Enrollments created',
      registers,
    }),
    errors: new Counter({
      name: 'auto_enroll_connection_errors_total',
      help: 'Errors on connections, by component',
      labelNames: ['component'],
      registers,
    }),
    rounds: new Counter({
      name: 'auto_enroll_reconcile_rounds_total',
      help: 'Rounds of the reconciler by result',
      labelNames: ['result'],
      registers,
    }),
    reconciledUsers: new Counter({
      name: 'auto_enroll_reconciled_users_total',
      help: 'Users without any enrollment whom the reconciler found',
      registers,
    }),
    recurringUsers: new Gauge({
      name: 'auto_enroll_recurring_users',
      help: 'Users whom the reconciler queued several times and who still have no enrollment',
      registers,
    }),
    clockAhead: new Gauge({
      name: 'auto_enroll_clock_ahead_seconds',
      help: 'How far this machine’s clock is ahead of the queue’s; negative when it is behind',
      registers,
    }),
    heldUsers: new Gauge({
      name: 'auto_enroll_held_users',
      help: 'Users whom a lock of another session or a fault of the database holds up, while others are enrolled',
      registers,
    }),
    batchUsers: new Histogram({
      name: 'auto_enroll_batch_users',
      help: 'Users in one statement',
      buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
      registers,
    }),
    statementSeconds: new Histogram({
      name: 'auto_enroll_statement_seconds',
      help: 'Time of one enrolling statement',
      registers,
    }),
    eventToEnrolled: new Histogram({
      name: 'auto_enroll_event_to_enrolled_seconds',
      help: 'Time from the event to the enrollment',
      buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600],
      registers,
    }),
  }
}
