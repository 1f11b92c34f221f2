import { RateLimiterMemory } from 'rate-limiter-flexible'

/** An attempt to log in: for which name, from which address, and with which recognized browser. */
interface Attempt {
  name: string
  address: string
  /** The id of a browser that has logged in to this account before. */
  browser?: string | undefined
}

/** Counts wrong passwords. */
export interface Attempts {
  /** Whether this attempt may not even succeed. */
  areTooMany(attempt: Attempt): Promise<boolean>
  /** @returns whether it was one too many */
  countWrong(attempt: Attempt): Promise<boolean>
  /** From now on strangers cannot lock out this address. */
  noteRight(attempt: Attempt): void
}

const QUARTER_OF_AN_HOUR = 15 * 60
const KNOWN_ADDRESSES = 1000

/**
 * In a quarter of an hour: ten wrong passwords from one address or recognized browser, 500 for one name and 2,000 in all
 * wherever they come from. The last two would let a stranger with many addresses lock an operator out, so they do not hold
 * for addresses and browsers that have logged in before.
 */
export function createAttempts(): Attempts {
  const limit = (points: number) => new RateLimiterMemory({ points, duration: QUARTER_OF_AN_HOUR })
  const [bySender, byName, inAll] = [limit(10), limit(500), limit(2000)]
  const known = new Set<string>()

  const senderOf = ({ address, browser }: Attempt) =>
    browser === undefined ? `address ${address}` : `browser ${browser}`
  const isKnown = ({ address, browser }: Attempt) => browser !== undefined || known.has(address)

  return {
    async areTooMany(attempt) {
      if (await isUsedUp(bySender, senderOf(attempt))) return true
      if (isKnown(attempt)) return false
      return (await isUsedUp(byName, attempt.name)) || (await isUsedUp(inAll, ''))
    },
    async countWrong(attempt) {
      // No sender is remembered beyond the limit for all, so that strangers cannot fill the memory.
      if (!isKnown(attempt) && (await isUsedUp(inAll, ''))) return true
      if (!(await count(bySender, senderOf(attempt)))) return true
      if (isKnown(attempt)) return false
      const counted = await Promise.all([count(byName, attempt.name), count(inAll, '')])
      return counted.includes(false)
    },
    noteRight({ address }) {
      known.delete(address)
      known.add(address)
      for (const oldest of known) {
        if (known.size <= KNOWN_ADDRESSES) break
        known.delete(oldest)
      }
    },
  }
}

async function isUsedUp(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  const { remainingPoints = 1 } = (await limiter.get(key)) ?? {}
  return remainingPoints <= 0
}

/** @returns whether it was within the limit */
function count(limiter: RateLimiterMemory, key: string): Promise<boolean> {
  return limiter.consume(key).then(
    () => true,
    () => false,
  )
}
