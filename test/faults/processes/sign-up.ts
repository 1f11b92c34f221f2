/**
 * Signs people up at a steady rate, like an application's process, alternating between password and Google. It sends each
 * result to its parent, and ends when it is asked to and the last sign-up is done.
 */
import { createHash } from 'node:crypto'
import { createPublisher, type Publisher } from 'auto-enroll'
import { connectDatabase, signInWithGoogle, signUp } from 'auto-enroll/producers'
import type { SignUpReport, SignUpsOptions } from '../sign-ups.js'

const options = JSON.parse(process.argv[2] ?? '') as SignUpsOptions
const db = connectDatabase(options.databaseUrl)
const publisher = createPublisher({
  queueUrl: options.queueUrl,
  prefix: options.prefix,
  timeoutMs: options.timeoutMs,
  enabled: options.enabled,
})
const underway = new Set<Promise<void>>()
let started = 0

const timer = setInterval(() => {
  const signingUp = attempt(started++).finally(() => underway.delete(signingUp))
  underway.add(signingUp)
}, 1000 / options.perSecond)

process.on('message', async () => {
  clearInterval(timer)
  await Promise.all(underway)
  await publisher.close()
  await db.destroy()
  process.disconnect()
})

async function attempt(number: number): Promise<void> {
  const report: SignUpReport = { outcome: 'failed', publish: 'not reached', publishMs: 0, overdueMs: 0 }
  const name = `${options.mark} name ${number}`
  const email = `${options.mark}-${number}@example.com`
  try {
    const context = { db, publisher: timed(report), hashPassword: cheapHash }
    const result =
      number % 2 === 0
        ? await signUp(context, { name, email, password: `${options.mark} password` })
        : await signInWithGoogle(context, { profile: { name, email, email_verified: true } })
    if (result.status === 'created' || result.status === 'signed-in') report.outcome = 'signed up'
    else report.reason = result.status
  } catch (error) {
    if (report.publish === 'not reached') report.outcome = 'not committed'
    report.reason = error instanceof Error ? error.message : String(error)
  }
  process.send?.(report)
}

/** A busy machine fires timers late and then all at once. A delay of up to this many event loop turns is not ours. */
const TURNS_ALLOWED = 3

/** Measures how long publishing delays a sign-up, and how much longer that is than a plain timer of `timeoutMs`. */
function timed(report: SignUpReport): Pick<Publisher, 'publish'> {
  return {
    async publish(event) {
      report.publish = 'began'
      if (started >= (options.diesBeforePublishing ?? Infinity)) process.kill(process.pid, 'SIGKILL')
      const startedAt = performance.now()
      let due: number | undefined
      let turns = 0
      const control = setTimeout(function turn() {
        if (turns++ < TURNS_ALLOWED) setImmediate(turn)
        else due = performance.now()
      }, options.timeoutMs)
      const result = await publisher.publish(event)
      clearTimeout(control)
      turns = TURNS_ALLOWED
      report.publishMs = performance.now() - startedAt
      report.overdueMs = due === undefined ? 0 : performance.now() - due
      report.publish = result.status
      return result
    },
  }
}

/** The real one would use both cores. */
async function cheapHash(password: string): Promise<string> {
  return createHash('sha256').update(password).digest('hex')
}
