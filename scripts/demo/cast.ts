import type { GoogleProfile } from '../../producers/google.js'

/** Users from before auto-enroll was introduced. They have no enrollment. */
export const NEVER_ENROLLED = [
  { id: 'user-ada', name: 'Ada Lovelace', email: 'ada@example.com' },
  { id: 'user-alan', name: 'Alan Turing', email: 'alan@example.com' },
  { id: 'user-barbara', name: 'Barbara Liskov', email: 'barbara@example.com' },
  { id: 'user-donald', name: 'Donald Knuth', email: 'donald@example.com' },
  { id: 'user-grace', name: 'Grace Hopper', email: 'grace@example.com' },
] as const

export const COURSES = [
  { id: 'course-sql', title: 'SQL for Beginners', isPublished: true },
  { id: 'course-queues', title: 'Queues without Tears', isPublished: true },
  { id: 'course-draft', title: 'Advanced Procrastination', isPublished: false },
] as const

/** This user was enrolled in one course by hand. auto-enroll must leave that alone. */
export const ENROLLED_BY_HAND = {
  id: 'user-edsger',
  name: 'Edsger Dijkstra',
  email: 'edsger@example.com',
} as const
export const ENROLLMENT_BY_HAND = {
  id: 'enrollment-by-hand',
  userId: ENROLLED_BY_HAND.id,
  courseId: 'course-sql',
  status: 'active',
} as const

/** Who signs up during the tour. */
export const NEWCOMER = {
  name: 'Katherine Johnson',
  email: 'katherine@example.com',
  password: 'trajectory-1961',
}
export const NEWCOMER_IN_OUTAGE = {
  name: 'Radia Perlman',
  email: 'radia@example.com',
  password: 'spanning-tree-85',
}

/** The profiles that "Continue with Google" offers. */
export const GOOGLE_PROFILES = {
  margaret: { name: 'Margaret Hamilton', email: 'margaret@example.com', email_verified: true },
  hedy: { name: 'Hedy Lamarr', email: 'hedy@example.com', email_verified: true },
  ada: { name: 'Ada Lovelace', email: 'ada@example.com', email_verified: true },
  mallory: { name: 'Mallory', email: 'mallory@example.com', email_verified: false },
} as const satisfies Record<string, GoogleProfile>

export type GoogleName = keyof typeof GOOGLE_PROFILES
