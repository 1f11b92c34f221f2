import { z } from 'zod'

/**
 * An email as it is stored: trimmed and in lower case. It is checked before it is lowered, because letters beyond ASCII
 * may become ASCII ones (the Kelvin sign a `k`), and with them another person's mailbox.
 */
export const emailSchema = z
  .string('Enter an email address')
  .trim()
  .max(254, 'Enter an email address of at most 254 characters')
  .pipe(z.email('Enter an email address such as name@example.com'))
  .transform((email) => email.toLowerCase())
