import { randomBytes, type ScryptOptions, scrypt, timingSafeEqual } from 'node:crypto'
import { promisify } from 'node:util'
import { bulkhead } from 'cockatiel'

const scryptInPool = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt)

/**
 * Node has four threads for work like this and for looking up host names: a rush of sign-ups must leave some free. It also
 * limits memory, since each takes 32 MiB. The others wait.
 */
const AT_ONCE = 2
const turns = bulkhead(AT_ONCE, Number.POSITIVE_INFINITY)

const derive: typeof scryptInPool = (...parameters) => turns.execute(() => scryptInPool(...parameters))

/** One of OWASP's equally strong choices: 32 MiB and three passes, so that many sign-ups at once fit in memory. */
const COST = { ln: 15, r: 8, p: 3 }
const KEY_BYTES = 32
/** The whole salt and key: many passwords would match a shortened key, and all of them an empty one. */
const OWN_HASH =
  /^\$scrypt\$ln=([1-9]|1\d|20),r=([1-9]\d?),p=([1-9]\d?)\$([A-Za-z\d+/]{22})\$([A-Za-z\d+/]{43})$/

/**
 * Hashes a password with scrypt, off the event loop, at most two at the same time.
 *
 * @returns a PHC string: `$scrypt$ln=15,r=8,p=3$salt$hash`
 */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  const key = await derive(normalise(password), salt, KEY_BYTES, scryptOptions(COST))
  return `$scrypt$ln=${COST.ln},r=${COST.r},p=${COST.p}$${base64(salt)}$${base64(key)}`
}

/** Whether `password` is the one that `hashPassword` made `hash` of; `false` for a hash in any other format. */
export async function verifyPassword(password: string, hash: string): Promise<boolean> {
  const [, ln, r, p, salt, key] = OWN_HASH.exec(hash) ?? []
  if (salt === undefined || key === undefined) return false
  const expected = Buffer.from(key, 'base64')
  const cost = { ln: Number(ln), r: Number(r), p: Number(p) }
  const actual = await derive(
    normalise(password),
    Buffer.from(salt, 'base64'),
    expected.length,
    scryptOptions(cost),
  )
  return timingSafeEqual(actual, expected)
}

function scryptOptions({ ln, r, p }: typeof COST): ScryptOptions {
  const N = 2 ** ln
  return { N, r, p, maxmem: 256 * N * r }
}

/** Keyboards compose the same characters differently (NIST SP 800-63B, 3.1.1.2). */
function normalise(password: string): string {
  return password.normalize('NFKC')
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '')
}
