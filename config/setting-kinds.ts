import { isIP } from 'node:net'
import { z } from 'zod'
import { isPostgresUrl, POSTGRES_URL_FORM } from './postgres-url.js'
import { queueUrlProblem } from './queue-url.js'

/** Node's timers cannot be longer: they would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

export function wholeNumber(min: number, max: number, expected = `a whole number from ${min} to ${max}`) {
  const message = `expected ${expected}`
  return z.coerce.number(message).int(message).min(min, message).max(max, message)
}

export const milliseconds = (min: number, max = LONGEST_TIMER_MS) =>
  wholeNumber(min, max, `a whole number of milliseconds from ${min} to ${max}`)

export const port = wholeNumber(0, 65535, 'a port number from 0 (any free one) to 65535')

export const host = z.string().min(1)

/** A list separated by commas. */
export const names = z.string().transform((list) =>
  list
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== ''),
)

const PROXIES_EXPECTED = 'expected addresses or networks, such as 127.0.0.1,10.0.0.0/8,fd00::/8, or unix:'

export const proxies = names.superRefine((entries, context) => {
  if (!entries.every(isProxy)) context.addIssue(PROXIES_EXPECTED)
})

/** An address, a network in CIDR notation, or whatever is at the other end of a Unix socket. */
function isProxy(entry: string): boolean {
  const [address = '', bits, ...more] = entry.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return entry === 'unix:'
  return bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
}

export const databaseUrl = z.string().superRefine((text, context) => {
  if (!isPostgresUrl(text)) {
    context.addIssue(`expected ${POSTGRES_URL_FORM}, with the password percent-encoded`)
  }
})

export const queueUrl = z.string().superRefine((text, context) => {
  const problem = queueUrlProblem(text)
  if (problem !== undefined) context.addIssue(problem)
})
