import { readFileSync } from 'node:fs'

/** The README's code blocks in a language; `''` for those without one. */
export function codeBlocks(language: string): string[] {
  const blocks = readFileSync('README.md', 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)
  return [...blocks].filter(([, name]) => name === language).map(([, , code = '']) => code)
}

/** The README's TypeScript blocks, by the file name in their first line. */
export function snippets(): Record<string, string> {
  return Object.fromEntries(
    codeBlocks('ts').map((code) => {
      const [, name] = /^\/\/ ([\w-]+\.ts)\n/.exec(code) ?? []
      if (name === undefined)
        throw new Error(`a snippet of the README does not begin with its file name:\n${code}`)
      return [name, code]
    }),
  )
}

/** The runbook's chapters, as they appear in links. */
export function runbookChapters(): string[] {
  const titles = readFileSync('docs/runbook.md', 'utf8').matchAll(/^## (.+)$/gm)
  return [...titles].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'))
}
