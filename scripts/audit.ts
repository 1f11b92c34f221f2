import { Option } from 'commander'
import { type AuditEntry, NoAuditTable, outcomeInWords, readAudit } from '../db/audit.js'
import { runCommand } from './command.js'
import { integerFlag } from './flags.js'

const THROUGH = { page: 'on the page', jobs: 'on the jobs page', command: 'by a command' }

await runCommand({
  name: 'audit',
  description: 'Shows what operators did, when, and with what result, the latest first.',
  needs: ['DATABASE_URL'],
  flags: [
    new Option('--limit <entries>', 'number of entries to show')
      .argParser(integerFlag('--limit', 1))
      .default(50),
  ],
  async run({ settings, database }, { limit }: { limit: number }) {
    try {
      const entries = await readAudit(database(settings.DATABASE_URL), limit)
      return {
        text: entries.map(line).join('\n') || 'Nobody has done anything yet.',
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

/** Control characters in an entry could rewrite the reader's terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, '?')
}
