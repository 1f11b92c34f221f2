import { columnsOf } from '../db/columns.js'
import { noteProof, type ProvenEmail } from '../db/email-proof.js'
import type { Database } from '../db/schema.js'
import { emailSchema } from './email.js'

/**
 * Notes that a user owns the mailbox of their email, once they have followed the link that was sent there: in the column
 * `emailVerified` or `emailVerifiedAt` if the application has it, otherwise in `auto_enroll.email_proof`. From then on the
 * user's password survives a sign-in with Google.
 *
 * Call it only in a session of the user who signed up: the owner of a mailbox may follow a link that a stranger's sign-up
 * had sent, and would prove the stranger's password with it.
 *
 * @returns `false` if it was not noted: the user has another email by now, or there is no place to note it
 */
export async function markEmailVerified(db: Database, { userId, email }: ProvenEmail): Promise<boolean> {
  const parsed = emailSchema.safeParse(email)
  return parsed.success && noteProof(db, await columnsOf(db), { userId, email: parsed.data })
}
