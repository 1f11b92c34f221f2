import { Option } from 'commander'
import { type AuditEntry, NoAuditTable, readAudit } from '../db/audit.js'
import { runCommand } from './command.js'
import { integerFlag } from './flags.js'

const THROUGH = { page: 'on the page', jobs: 'on the page of the jobs', command: 'by a command' }

await runCommand({
  name: 'audit',
  description: 'Shows what operators did: who, what, when, and what came of it; the latest first.',
  needs: ['DATABASE_URL'],
  flags: [
    new Option('--limit <entries>', 'entries at most').argParser(integerFlag('--limit', 1)).default(50),
  ],
  async run({ settings, database }, { limit }: { limit: number }) {
    try {
      const entries = await readAudit(database(settings.DATABASE_URL), limit)
      return {
        text: entries.map(line).join('\n') || 'Nobody did anything yet.',
        json: { exists: true, entries },
      }
    } catch (error) {
      if (!(error instanceof NoAuditTable)) throw error
      return {
        text: 'There is no audit log; npm run migrate makes it.',
        json: { exists: false, entries: [] },
      }
    }
  },
})

function line({ at, who, through, action, target, result, succeeded }: AuditEntry): string {
  const mark = succeeded === undefined ? '…' : succeeded ? '✓' : '✗'
  const what = target === undefined ? action : `${action} ${target}`
  return `${at.toISOString()}  ${mark} ${who} ${THROUGH[through]}: ${what}: ${result ?? 'under way, or cut off'}`
}
