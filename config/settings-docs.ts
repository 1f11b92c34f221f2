import { settingsSchema } from './settings-schema.js'

/** The settings as a Markdown table, in the order of their declaration. */
export function settingsTable(): string {
  const rows = settingsForReaders().map(
    ({ name, standard, meaning }) =>
      `| \`${name}\` | ${standard === '' ? 'none' : `\`${standard}\``} | ${meaning} |`,
  )
  return ['| setting | default | meaning |', '| --- | --- | --- |', ...rows].join('\n')
}

/** The settings as an example `.env` file: each with its description above it, and its default commented out. */
export function envExample(): string {
  const entries = settingsForReaders().map(
    ({ name, standard, meaning }) => `# ${meaning.replaceAll('`', '')}\n#${name}=${standard}\n`,
  )
  return ['# Every setting with its default. Remove the # to change one.\n', ...entries].join('\n')
}

function settingsForReaders() {
  return Object.entries(settingsSchema.shape).map(([name, schema]) => {
    const { data } = schema.safeParse(undefined)
    return { name, standard: data === undefined ? '' : String(data), meaning: schema.description ?? '' }
  })
}
