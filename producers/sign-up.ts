import { z } from 'zod'
import { emailTaken, insertUser } from '../db/accounts.js'
import { withColumns } from '../db/columns.js'
import type { ProvenEmail } from '../db/email-proof.js'
import type { Database } from '../db/schema.js'
import { emailSchema } from './email.js'
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
  /** How the application hashes passwords, if its sign-in reads another format than `hashPassword`'s. */
  hashPassword?: (password: string) => Promise<string>
  /**
   * Called before the password is hashed, which is the costly part; `false` refuses the attempt. The place for a rate limit
   * by email or by address. If it throws, the attempt goes through.
   */
  allow?: (attempt: { email: string }) => boolean | Promise<boolean>
  /**
   * Called once the user is committed, to send a link that proves the email; what follows the link calls
   * `markEmailVerified`. Sign-up neither waits for it nor fails with it, so it handles its own errors and time limits.
   */
  sendVerification?: (user: ProvenEmail) => void | Promise<void>
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
 * Signs a new user up with a password: checks the input, commits the user, then publishes `user.created`. The result
 * depends on the database only: publishing takes a bounded time and never fails it. Emails that differ in case only are
 * one mailbox, and of two sign-ups at once with one email, one wins. The password is hashed even if the email is taken,
 * so both take the same time.
 *
 * Signing up proves no email: anyone can type any address. Until it is proven (by `markEmailVerified`, or by
 * `signInWithGoogle`, which then removes the password), let the account do nothing that depends on its email.
 *
 * @throws what the database throws when the user cannot be committed
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
  const userId = await withColumns(db, async (columns) =>
    (await emailTaken(db, columns, email))
      ? undefined
      : insertUser(db, columns, { name, email, passwordHash }),
  )
  if (userId === undefined) {
    return { status: 'email-taken', errors: { email: 'This email address is already in use' } }
  }
  sendVerification(context, { userId, email })
  return { status: 'created', userId, publish: await publisher.publish({ userId, source: 'credentials' }) }
}

/** A broken rate limit must not keep everybody from signing up. */
async function isAllowed({ allow }: SignUpContext, email: string): Promise<boolean> {
  try {
    return (await allow?.({ email })) ?? true
  } catch {
    return true
  }
}

/** A mail server that is away must not keep anyone from signing up. */
function sendVerification({ sendVerification: send }: SignUpContext, user: ProvenEmail): void {
  if (send !== undefined)
    void Promise.resolve(user)
      .then(send)
      .catch(() => undefined)
}

function fieldErrors(error: z.ZodError): FieldErrors {
  const errors: FieldErrors = {}
  for (const { path, message } of error.issues) errors[(path[0] as keyof SignUpInput) ?? 'email'] ??= message
  return errors
}
