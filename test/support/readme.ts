import { readFileSync } from 'node:fs'

/** The README's code blocks in a language; `''` for those that name none. */
export function codeBlocks(language: string): string[] {
  const blocks = readFileSync('README.md', 'utf8').matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)
  return [...blocks].filter(([, name]) => name === language).map(([, , code = '']) => code)
}

/** The README's TypeScript, by the file name that each block begins with. */
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

/** The runbook's chapters, as links name them. */
export function runbookChapters(): string[] {
  const titles = readFileSync('docs/runbook.md', 'utf8').matchAll(/^## (.+)$/gm)
  return [...titles].map(([, title = '']) => title.toLowerCase().replaceAll(' ', '-'))
}
