import { crc32 } from 'node:zlib'

/**
 * The key prefix of each partition: `{auto-enroll}`, `{auto-enroll:1}`, `{auto-enroll:2}` and so on. Each is its own
 * hash tag, so a Redis Cluster spreads them. The first is the plain prefix, so adding partitions renames none.
 */
export function partitionPrefixes(prefix: string, partitions: number): string[] {
  const [, before = '', tag = prefix, after = ''] = /^(.*\{)([^{}]+)(\}.*)$/.exec(prefix) ?? []
  return Array.from({ length: partitions }, (_, index) =>
    index === 0 ? prefix : `${before}${tag}:${index}${after}`,
  )
}

/** The partition of a user, from 0; the same in every process. */
export function partitionOf(userId: string, partitions: number): number {
  return partitions === 1 ? 0 : crc32(userId) % partitions
}
