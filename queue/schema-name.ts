import { createHash } from 'node:crypto'

const LONGEST_NAME = 63
const HASH_LENGTH = 8
const LOOKS_HASHED = /_[0-9a-f]{8}$/

/**
 * The Postgres schema of a queue: `bullmq` for the default prefix, otherwise one per prefix. A prefix that is not a plain
 * name gets a hash, because several would lead to the same name: `a-b`, `A_B` and `{a.b}` are three queues.
 */
export function queueSchema(prefix: string): string {
  if (prefix === '{auto-enroll}') return 'bullmq'
  const name = prefix
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '_')
    .replace(/^_|_$/g, '')
  const schema = `bullmq_${name}`
  const isName = name === prefix && schema.length <= LONGEST_NAME && !LOOKS_HASHED.test(name)
  if (isName) return schema
  const hash = createHash('sha256').update(prefix).digest('hex').slice(0, HASH_LENGTH)
  return `${schema.slice(0, LONGEST_NAME - HASH_LENGTH - 1)}_${hash}`
}
