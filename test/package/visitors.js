// Runs in an application that has the README's snippets; prints the new users as JSON.

import { authConfig } from './auth.js'
import { events } from './auth-adapter.js'
import { auth } from './better-auth.js'
import { db } from './database.js'
import { enrollSoon, publisher } from './publisher.js'
import { signUpAction } from './sign-up.js'

const form = new FormData()
form.set('name', 'Ada')
form.set('email', 'Ada@Example.com')
form.set('password', 'correct horse battery')
const signedUp = await signUpAction(form)
const again = await signUpAction(form)

const google = (profile) =>
  authConfig.callbacks.signIn({ user: {}, account: { provider: 'google' }, profile })
const verified = await google({ email: 'grace@example.com', email_verified: true, name: 'Grace', sub: '1' })
const unverified = await google({ email: 'eve@example.com', email_verified: false, name: 'Eve', sub: '2' })

const [adapterUser, betterAuthUser, ownUser] = process.argv.slice(2)
await events.createUser({ user: { id: adapterUser } })
await auth.options.databaseHooks.user.create.after({ id: betterAuthUser })

const published = await enrollSoon(ownUser)

await publisher.close()
await db.destroy()
process.stdout.write(JSON.stringify({ signedUp, again, verified, unverified, published }))
