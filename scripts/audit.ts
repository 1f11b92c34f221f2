import { Option } from 'commander'
import { type AuditEntry, NoAuditTable, outcomeInWords, readAudit } from '../db/audit.js'
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
        text: `${error.message[0]?.toUpperCase()}${error.message.slice(1)}.`,
        json: { exists: false, entries: [] },
      }
    }
  },
})

function line(entry: AuditEntry): string {
  const { at, who, through, action, target, succeeded, isCutOff } = entry
  const mark = succeeded === true ? '✓' : succeeded === false || isCutOff ? '✗' : '…'
  const what = target === undefined ? action : `${action} ${target}`
  return printable(
    `${at.toISOString()}  ${mark} ${who} ${THROUGH[through]}: ${what}: ${outcomeInWords(entry)}`,
  )
}

/** Anyone who can write to the table must not be able to move the reader's cursor. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
