import { mkdir } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { AxeResults } from 'axe-core'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { expect } from 'vitest'
import type { Program } from './programs.js'

export const CHROMIUM: Program = {
  name: 'chromium',
  debianPackage: 'chromium',
  howToInstall:
    'The tests of the operators’ page need Chromium as "chromium" on the PATH. Install it: "sudo apt-get install ' +
    'chromium" on Debian; elsewhere install Chromium or Chrome and link it under that name.',
}

/** The browser makes no requests of its own, so any request to another host comes from the page. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  '--disable-quic',
]

export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS })
}

/** A page, with everything that it should not do: errors on its console, and requests to hosts other than `origin`. */
export interface WatchedPage {
  page: Page
  misdeeds: string[]
}

export async function openPage(context: BrowserContext, origin: string): Promise<WatchedPage> {
  const page = await context.newPage()
  page.setDefaultTimeout(15_000)
  const misdeeds: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error') misdeeds.push(`console: ${message.text()}`)
  })
  page.on('pageerror', (error) => misdeeds.push(`error: ${error.message}`))
  page.on('request', (request) => {
    const url = request.url()
    if (!url.startsWith(`${origin}/`) && !url.startsWith('data:')) misdeeds.push(`request: ${url}`)
  })
  return { page, misdeeds }
}

const axeScript = createRequire(import.meta.url).resolve('axe-core')

/** Expects that axe-core finds no problem on the page, by WCAG 2.2 AA and its own best practices. */
export async function expectAccessible(page: Page): Promise<void> {
  // The page's policy forbids foreign scripts, so axe is injected through the debugger.
  await page.evaluate(await import('node:fs/promises').then((fs) => fs.readFile(axeScript, 'utf8')))
  const results = (await page.evaluate('axe.run()')) as AxeResults
  const violations = results.violations.map(
    ({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' | ')}`,
  )
  expect(violations).toEqual([])
}

/** Takes a screenshot of the visible part. `SCREENSHOTS` is the folder to keep it in. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.SCREENSHOTS
  if (folder !== undefined) await mkdir(folder, { recursive: true })
  const image = await page.screenshot({
    animations: 'disabled',
    ...(folder === undefined ? {} : { path: join(folder, `${name}.png`) }),
  })
  expect(image.subarray(1, 4).toString()).toBe('PNG')
}
