export { connectDatabase } from '../db/connect.js'
export type { ProvenEmail } from '../db/email-proof.js'
export type { Database } from '../db/schema.js'
export {
  type GoogleProfile,
  type SignedIn,
  type SignInContext,
  type SignInResult,
  signInWithGoogle,
} from './google.js'
export { hashPassword, verifyPassword } from './password.js'
export {
  type FieldErrors,
  type SignUpContext,
  type SignUpInput,
  type SignUpResult,
  signUp,
} from './sign-up.js'
export { markEmailVerified } from './verify-email.js'
