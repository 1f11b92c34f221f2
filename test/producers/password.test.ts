import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { hashPassword, verifyPassword } from '../../producers/password.js'

describe('a password hash', () => {
  it('is a PHC string of scrypt, salted anew each time', async () => {
    const [one, two] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')])
    expect(one).toMatch(/^\$scrypt\$ln=15,r=8,p=3\$[\w+/]{22}\$[\w+/]{43}$/)
    expect(two).not.toBe(one)
  })

  it('leaves the event loop and half of the threads to others, however many are hashed at once', async () => {
    let hashed = 0
    const hashing = Promise.all(
      Array.from({ length: 8 }, async (_, n) => {
        await hashPassword(`password ${n}`)
        hashed += 1
      }),
    )
    // A file is read on the same threads, and would come after most of those that were there before it.
    await readFile(new URL(import.meta.url))
    expect(hashed).toBeLessThan(4)
    await hashing
  })

  it('verifies its own password and no other', async () => {
    const hash = await hashPassword('correct horse')
    expect(await verifyPassword('correct horse', hash)).toBe(true)
    for (const wrong of ['Correct horse', '']) expect(await verifyPassword(wrong, hash)).toBe(false)
  })

  it('is the same for a password however its letters were composed', async () => {
    const hash = await hashPassword('caf\u00e9')
    expect(await verifyPassword('cafe\u0301', hash)).toBe(true)
    expect(await verifyPassword('cafe', hash)).toBe(false)
  })

  it.each([
    '',
    'plain text',
    '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b27SA',
    '$scrypt$ln=15,r=8,p=3$$',
    '$scrypt$ln=99,r=99,p=99$c2FsdHNhbHQ$aGFzaGhhc2g',
    '$scrypt$ln=0,r=8,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',
    '$scrypt$ln=10,r=0,p=1$c2FsdHNhbHQ$aGFzaGhhc2g',
    `$scrypt$ln=10,r=8,p=1$${'A'.repeat(22)}$+`,
    `$scrypt$ln=99,r=99,p=99$${'A'.repeat(22)}$${'A'.repeat(43)}`,
    `$scrypt$ln=0,r=8,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
    `$scrypt$ln=10,r=0,p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`,
  ])('of another make verifies nothing: %s', async (hash) => {
    expect(await verifyPassword('correct horse', hash)).toBe(false)
  })
})
