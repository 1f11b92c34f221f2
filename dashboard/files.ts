import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { marked } from 'marked'

/** The folder of this package, whether or not it runs from `dist/`. */
const ROOT = packageRoot(dirname(fileURLToPath(import.meta.url)))

function packageRoot(folder: string): string {
  return existsSync(join(folder, 'package.json')) ? folder : packageRoot(dirname(folder))
}

const uplot = dirname(createRequire(import.meta.url).resolve('uplot/package.json'))

/** The colour of the icon for each tone of the page, as in the style sheet. */
const ICON_COLOURS: Record<string, string> = {
  good: '#15803d',
  busy: '#1d4ed8',
  warning: '#b45309',
  bad: '#b91c1c',
  neutral: '#64748b',
}

const FILES: Record<string, { path: string; type: string }> = {
  'style.css': { path: join(ROOT, 'dashboard/assets/style.css'), type: 'text/css; charset=utf-8' },
  'live.js': { path: join(ROOT, 'dashboard/assets/live.js'), type: 'text/javascript; charset=utf-8' },
  'plots.js': { path: join(ROOT, 'dashboard/assets/plots.js'), type: 'text/javascript; charset=utf-8' },
  'uplot.css': { path: join(uplot, 'dist/uPlot.min.css'), type: 'text/css; charset=utf-8' },
  'uplot.js': { path: join(uplot, 'dist/uPlot.iife.min.js'), type: 'text/javascript; charset=utf-8' },
}

/** A file that the page loads, or `undefined` if there is no such file. */
export async function asset(name: string): Promise<{ body: string; type: string } | undefined> {
  const colour = ICON_COLOURS[/^icon-([a-z]+)\.svg$/.exec(name)?.[1] ?? '']
  if (colour !== undefined) {
    const body = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7" fill="${colour}"/></svg>`
    return { body, type: 'image/svg+xml' }
  }
  const file = Object.hasOwn(FILES, name) ? FILES[name] : undefined
  return file === undefined ? undefined : { body: await readFile(file.path, 'utf8'), type: file.type }
}

/** `docs/runbook.md` as HTML, with an id on each heading. */
export async function runbookHtml(): Promise<string> {
  const markdown = await readFile(join(ROOT, 'docs/runbook.md'), 'utf8')
  const rendered = await marked.parse(markdown)
  return rendered.replace(
    /<h([23])>([^<]+)<\/h\1>/g,
    (_, level, text) => `<h${level} id="${slug(text)}">${text}</h${level}>`,
  )
}

function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')
}
