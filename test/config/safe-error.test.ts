import { DatabaseError } from 'pg'
import { describe, expect, it } from 'vitest'
import { safeError } from '../../config/safe-error.js'
import { useDatabase } from '../support/servers.js'

const SECRET = 'hush@example.com'

describe('what is logged of an error', () => {
  const database = useDatabase()

  it.each([
    [
      'a unique key',
      `insert into "User" (id, email, name) values ('1', '${SECRET}', 'x'), ('2', '${SECRET}', 'x')`,
      'Postgres refused with SQLSTATE 23505 (constraint User_email_key, table User)',
    ],
    [
      'NOT NULL, with the failing row in its detail',
      `insert into "User" (id, email) values ('3', '${SECRET}')`,
      'Postgres refused with SQLSTATE 23502 (column name, table User)',
    ],
    ['a cast', `select '${SECRET}'::uuid`, 'Postgres refused with SQLSTATE 22P02'],
    ['a syntax error', `select ${SECRET}`, 'Postgres refused with SQLSTATE 42703'],
    [
      'a trigger with a code of its own',
      `do $$ begin raise exception 'no % here', '${SECRET}' using errcode = 'HELLO'; end $$`,
      'Postgres refused with SQLSTATE HELLO',
    ],
  ])('repeats no value when %s refuses', async (_, statement, message) => {
    const error = await database.sql(statement).catch((error: unknown) => error)
    expect(error).toBeInstanceOf(DatabaseError)
    const shown = safeError(error)
    expect(shown).toMatchObject({ type: 'PostgresError', message })
    expect(JSON.stringify(shown)).not.toContain(SECRET)
  })

  it('omits the login of a URL, whatever characters it contains', () => {
    expect(safeError(new Error('cannot reach redis://ada:p/w@s#x@cache:6379/0')).message).toBe(
      'cannot reach redis://***@cache:6379/0',
    )
  })

  it('keeps the code and first line of a network error', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1\nat secret'), {
      code: 'ECONNREFUSED',
    })
    expect(safeError(error)).toEqual({
      type: 'Error',
      code: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED 127.0.0.1:1',
    })
    expect(safeError(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' })).message).toBe('write EPIPE')
  })

  it('describes each of several errors, and repeats no value of any of them', async () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED ::1:1'), { code: 'ECONNREFUSED' })
    const postgres = await database.sql(`select '${SECRET}'::uuid`).catch((error: unknown) => error)
    expect(safeError(new AggregateError([refused, postgres]))).toEqual({
      type: 'AggregateError',
      code: 'ECONNREFUSED',
      message: 'connect ECONNREFUSED ::1:1; Postgres refused with SQLSTATE 22P02',
    })
  })

  it('says nothing about a thrown value that is not an error', () => {
    expect(safeError({ password: SECRET })).toEqual({
      type: 'object',
      message: 'a value other than an Error was thrown',
    })
    expect(safeError(undefined)).toEqual({
      type: 'undefined',
      message: 'a value other than an Error was thrown',
    })
  })
})
