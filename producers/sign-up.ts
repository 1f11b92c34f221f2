import { z } from 'zod'
import { columnsOf } from '../db/columns.js'
import type { Database } from '../db/schema.js'
import { emailTaken, insertUser } from '../db/users.js'
import { emailSchema, storedSpellings } from './email.js'
import { hashPassword } from './password.js'
import type { Publisher, PublishResult } from './publisher.js'

export interface SignUpInput {
  name: string
  email: string
  password: string
}

export interface SignUpContext {
  db: Database
  publisher: Pick<Publisher, 'publish'>
  /** How the application hashes passwords, where its sign-in reads another make than `hashPassword`'s. */
  hashPassword?: (password: string) => Promise<string>
  /**
   * Asked before the password is hashed, which is the costly part: `false` refuses the attempt. The place for a rate limit
   * by email, by address or by whatever the application knows; one that throws lets the attempt through.
   */
  allow?: (attempt: { email: string }) => boolean | Promise<boolean>
}

/** One message for each wrong field, for the form to show beside it. */
export type FieldErrors = Partial<Record<keyof SignUpInput, string>>

export type SignUpResult =
  | { status: 'created'; userId: string; publish: PublishResult }
  | { status: 'invalid'; errors: FieldErrors }
  | { status: 'email-taken'; errors: FieldErrors }
  | { status: 'rate-limited'; errors: FieldErrors }

const inputSchema = z.object({
  name: z
    .string('Enter a name')
    .trim()
    .min(1, 'Enter a name')
    .max(200, 'Enter a name of at most 200 characters')
    .refine((name) => !name.includes('\0'), 'Enter a name without control characters'),
  email: emailSchema,
  password: z
    .string('Enter a password')
    .min(8, 'Enter a password of at least 8 characters')
    .max(200, 'Enter a password of at most 200 characters'),
})

/**
 * Signs somebody up with a password: checks the input, commits the user, then publishes `user.created`. The result
 * depends on the database alone: publishing is bounded by the publisher and never fails it. The password is hashed
 * whether or not the email is taken, so that the answer takes as long; of two sign-ups at once with one email, one wins.
 *
 * @throws whatever the database throws when the user cannot be committed
 */
export async function signUp(context: SignUpContext, input: SignUpInput): Promise<SignUpResult> {
  const parsed = inputSchema.safeParse(input)
  if (!parsed.success) return { status: 'invalid', errors: fieldErrors(parsed.error) }

  const { db, publisher } = context
  const { name, email, password } = parsed.data
  if (!(await isAllowed(context, email))) {
    return { status: 'rate-limited', errors: { email: 'Too many attempts; try again in a while' } }
  }
  const passwordHash = await (context.hashPassword ?? hashPassword)(password)
  const userId = (await emailTaken(db, storedSpellings(email, input.email)))
    ? undefined
    : await insertUser(db, await columnsOf(db), { name, email, passwordHash })
  if (userId === undefined) {
    return { status: 'email-taken', errors: { email: 'This email address is already in use' } }
  }
  return { status: 'created', userId, publish: await publisher.publish({ userId, source: 'credentials' }) }
}

/** A limit that is out of order must not keep everybody from signing up. */
async function isAllowed({ allow }: SignUpContext, email: string): Promise<boolean> {
  try {
    return (await allow?.({ email })) ?? true
  } catch {
    return true
  }
}

function fieldErrors(error: z.ZodError): FieldErrors {
  const errors: FieldErrors = {}
  for (const { path, message } of error.issues) errors[(path[0] as keyof SignUpInput) ?? 'email'] ??= message
  return errors
}
