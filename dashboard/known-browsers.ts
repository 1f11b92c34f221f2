import { createHmac, randomBytes, scryptSync, timingSafeEqual } from 'node:crypto'

export const BROWSER_COOKIE = 'auto_enroll_browser'
export const BROWSER_COOKIE_SECONDS = 365 * 24 * 60 * 60

/** Recognizes browsers that have logged in to an account before, for as long as its password stays the same. */
export interface KnownBrowsers {
  /** @returns the value of a new browser's cookie */
  introduce(account: string): string
  /** @returns the browser's id, or `undefined` when its cookie is not one that was made for this account */
  recognize(account: string, cookie: string | undefined): string | undefined
}

/** Nothing is stored: the cookie is signed, by keys that are slow to guess a password from. */
export function createKnownBrowsers(accounts: readonly { name: string; password: string }[]): KnownBrowsers {
  const keys = new Map(
    accounts.map(({ name, password }) => [name, scryptSync(password, `auto-enroll browser of ${name}`, 32)]),
  )
  const sign = (key: Buffer, id: string) => createHmac('sha256', key).update(id).digest()
  return {
    introduce(account) {
      const id = randomBytes(12).toString('base64url')
      const key = keys.get(account)
      return key === undefined ? '' : `${id}.${sign(key, id).toString('base64url')}`
    },
    recognize(account, cookie = '') {
      const [id = '', signature = ''] = cookie.split('.')
      const key = keys.get(account)
      if (key === undefined) return undefined
      const [expected, given] = [sign(key, id), Buffer.from(signature, 'base64url')]
      return given.length === expected.length && timingSafeEqual(given, expected) ? id : undefined
    },
  }
}
