import { z } from 'zod'

/** How an email is stored: trimmed and in lower case, so that one person's spellings are one user. */
export const emailSchema = z
  .string('Enter an email address')
  .trim()
  .max(254, 'Enter an email address of at most 254 characters')
  .toLowerCase()
  .pipe(z.email('Enter an email address such as name@example.com'))

/** The spellings under which a user may be stored: as we store it, and as an earlier application may have. */
export function storedSpellings(normalised: string, given: string): string[] {
  return [...new Set([normalised, given.trim()])]
}
