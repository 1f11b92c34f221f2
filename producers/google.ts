import { z } from 'zod'
import { columnsOf } from '../db/columns.js'
import type { Database } from '../db/schema.js'
import { hasEnrollment, insertUser, touchLogin } from '../db/users.js'
import { emailSchema, storedSpellings } from './email.js'
import type { Publisher, PublishResult } from './publisher.js'

/** The claims of Google's ID token that count here, once the caller has verified its signature. */
export interface GoogleProfile {
  email?: string | null
  email_verified?: boolean | null
  name?: string | null
  picture?: string | null
}

export interface SignInContext {
  db: Database
  publisher: Pick<Publisher, 'publish'>
}

export type SignInResult =
  | { status: 'signed-in'; userId: string; isNew: boolean; publish?: PublishResult }
  | { status: 'refused'; reason: 'email-not-verified' | 'invalid-profile' }

/** As for whoever signs up with a password; a sign-in is not refused for it. */
const MAX_NAME_LENGTH = 200
/** The longest URL that every browser takes; a picture that is longer is left out. */
const MAX_PICTURE_LENGTH = 2048

const profileSchema = z.object({
  email: emailSchema,
  email_verified: z.boolean().nullish(),
  name: z.string().trim().nullish(),
  picture: z.string().nullish(),
})

/**
 * Signs somebody in with a Google profile: the user with that email, or a new one, gets `lastLoginAt`; `user.created`
 * is published when the user has no enrollment at all. A returning user with enrollments publishes nothing. Of two first
 * sign-ins at once, one makes the user and both succeed.
 *
 * @throws whatever the database throws when the user cannot be committed
 */
export async function signInWithGoogle(
  { db, publisher }: SignInContext,
  { profile }: { profile: GoogleProfile },
): Promise<SignInResult> {
  const parsed = profileSchema.safeParse(profile)
  if (!parsed.success) return { status: 'refused', reason: 'invalid-profile' }
  if (parsed.data.email_verified !== true) return { status: 'refused', reason: 'email-not-verified' }

  const { email, name, picture } = parsed.data
  const columns = await columnsOf(db)
  const spellings = storedSpellings(email, profile.email ?? email)
  const returning = await touchLogin(db, columns, spellings)
  const created =
    returning === undefined ? await insertUser(db, columns, newUser(email, name, picture)) : undefined
  const userId = returning ?? created ?? (await touchLogin(db, columns, spellings))
  if (userId === undefined)
    throw new Error('the user was deleted while signing in; signing in again will work')

  const isNew = created !== undefined
  if (!isNew && (await hasEnrollment(db, columns, userId))) return { status: 'signed-in', userId, isNew }
  return {
    status: 'signed-in',
    userId,
    isNew,
    publish: await publisher.publish({ userId, source: 'google' }),
  }
}

function newUser(email: string, name: string | null | undefined, picture: string | null | undefined) {
  const image = storable(picture)
  return {
    email,
    name: [...storable(name)].slice(0, MAX_NAME_LENGTH).join(''),
    ...(image === '' || image.length > MAX_PICTURE_LENGTH ? {} : { image }),
  }
}

/** Postgres stores no NUL. */
function storable(text: string | null | undefined): string {
  return text?.replaceAll('\0', '') ?? ''
}
