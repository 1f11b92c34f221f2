import { expect, it } from 'vitest'
import { queueSchema } from '../../queue/schema-name.js'

it('keeps the schema of the default prefix, and plain names readable', () => {
  expect(queueSchema('{auto-enroll}')).toBe('bullmq')
  expect(queueSchema('staging')).toBe('bullmq_staging')
})

it('gives prefixes that would be written the same a schema each, which Postgres does not cut off', () => {
  const long = 'x'.repeat(90)
  const prefixes = [
    'a_b',
    'a-b',
    'A_B',
    '{a.b}',
    'a.b',
    ' a b',
    '{a_b}',
    '_',
    '-',
    long,
    `${long}y`,
    `{${long}}`,
  ]
  const schemas = prefixes.map(queueSchema)
  expect(new Set(schemas).size).toBe(prefixes.length)
  for (const schema of schemas) expect(schema).toMatch(/^bullmq_[a-z0-9_]{1,56}$/)
  const hashed = queueSchema('a-b').slice('bullmq_'.length)
  expect(queueSchema(hashed)).not.toBe(queueSchema('a-b'))
})
