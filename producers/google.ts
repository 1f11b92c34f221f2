import { z } from 'zod'
import { accountsOf, insertUser, type NewUser, proveEmail, touchLogin } from '../db/accounts.js'
import { type Columns, withColumns } from '../db/columns.js'
import type { Database } from '../db/schema.js'
import { hasEnrollment } from '../db/users.js'
import { emailSchema } from './email.js'
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

export type SignInResult = SignedIn | { status: 'refused'; reason: 'email-not-verified' | 'invalid-profile' }

export interface SignedIn {
  status: 'signed-in'
  userId: string
  isNew: boolean
  publish?: PublishResult
  /**
   * The email was proven for the first time, and a password that was set before no longer works: anyone could have set
   * it. End the sessions of this user that began before now.
   */
  passwordRemoved?: true
  /** More users have this email in other spellings, and none of them had proven it. The oldest was signed in. */
  otherUserIds?: string[]
}

/** As in a sign-up with a password; a longer one is cut, and the sign-in goes on. */
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
 * Signs a user in with a Google profile: the user with that email, or a new one, gets `lastLoginAt`; `user.created` is
 * published when the user has no enrollment at all. A returning user with enrollments publishes nothing. Of two first
 * sign-ins at once, one makes the user and both succeed.
 *
 * Emails that differ in case only are one mailbox. If the application stored several users for it, one whose email is
 * proven is signed in, or else the oldest, and the result lists the others.
 *
 * Google has verified the email, so it counts as proven from then on. A password that was set before the email was proven
 * stops working; one that is set later stays. Proven is what the application's column `emailVerified` (or
 * `emailVerifiedAt`; a time or a boolean) says; where there is none, what was noted in `auto_enroll.email_proof`, which
 * `npm run migrate` makes; where this role cannot use that either, nothing is ever proven and a password never stays.
 *
 * @throws what the database throws when the user cannot be committed
 */
export async function signInWithGoogle(
  { db, publisher }: SignInContext,
  { profile }: { profile: GoogleProfile },
): Promise<SignInResult> {
  const parsed = profileSchema.safeParse(profile)
  if (!parsed.success) return { status: 'refused', reason: 'invalid-profile' }
  if (parsed.data.email_verified !== true) return { status: 'refused', reason: 'email-not-verified' }

  const { email, name, picture } = parsed.data
  const spelling = profile.email?.trim() ?? email
  const signedIn = await withColumns(db, (columns) =>
    enter(db, columns, spelling, newUser(email, name, picture)),
  )
  const { userId, isNew } = signedIn
  if (!isNew && (await withColumns(db, (columns) => hasEnrollment(db, columns, userId)))) return signedIn
  return { ...signedIn, publish: await publisher.publish({ userId, source: 'google' }) }
}

/** Others may make, change or delete the user meanwhile. Once is a coincidence; this often it is something else. */
const ATTEMPTS = 3

async function enter(db: Database, columns: Columns, spelling: string, user: NewUser): Promise<SignedIn> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const signedIn = (await enterExisting(db, columns, spelling)) ?? (await enterNew(db, columns, user))
    if (signedIn !== undefined) return signedIn
  }
  throw new Error('the user was changed or deleted while signing in; signing in again will work')
}

async function enterNew(db: Database, columns: Columns, user: NewUser): Promise<SignedIn | undefined> {
  const userId = await insertUser(db, columns, user)
  return userId === undefined ? undefined : { status: 'signed-in', userId, isNew: true }
}

async function enterExisting(
  db: Database,
  columns: Columns,
  spelling: string,
): Promise<SignedIn | undefined> {
  const [account, ...others] = await accountsOf(db, columns, spelling)
  if (account === undefined) return undefined
  const userId = account.id
  const proof = account.isProven
    ? { passwordRemoved: false }
    : await proveEmail(db, columns, { userId, email: account.email })
  if (proof === undefined) return undefined
  await touchLogin(db, columns, userId)
  return {
    status: 'signed-in',
    userId,
    isNew: false,
    ...(proof.passwordRemoved ? { passwordRemoved: true } : {}),
    ...(account.isProven || others.length === 0 ? {} : { otherUserIds: others.map(({ id }) => id) }),
  }
}

function newUser(email: string, name?: string | null, picture?: string | null): NewUser {
  const image = storable(picture)
  return {
    email,
    isProven: true,
    name: [...storable(name)].slice(0, MAX_NAME_LENGTH).join(''),
    ...(image === '' || image.length > MAX_PICTURE_LENGTH ? {} : { image }),
  }
}

/** Postgres stores no NUL. */
function storable(text: string | null | undefined): string {
  return text?.replaceAll('\0', '') ?? ''
}
