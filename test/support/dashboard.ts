import { pino } from 'pino'
import { readSettings } from '../../config/settings.js'
import { type RunningDashboard, startDashboard } from '../../dashboard/run.js'
import { DEFAULT_MAX_PENDING, queueMissingUsers } from '../../worker/reconcile.js'

export const OPERATOR = { name: 'anna', password: 'right horse' }
export const VIEWER = { name: 'vic', password: 'left horse' }

export interface DashboardPlace {
  databaseUrl: string
  queue: { url: string; prefix: string }
  env?: Record<string, string>
  log?: pino.Logger
}

/** Starts the operators' page in this process, on a free port and silent, with both accounts by default. */
export function startTestDashboard({
  databaseUrl,
  queue,
  env,
  log,
}: DashboardPlace): Promise<RunningDashboard> {
  const settings = readSettings(
    {
      DATABASE_URL: databaseUrl,
      QUEUE_URL: queue.url,
      QUEUE_PREFIX: queue.prefix,
      DASHBOARD_PORT: '0',
      ...(env ?? {
        DASHBOARD_USER: OPERATOR.name,
        DASHBOARD_PASSWORD: OPERATOR.password,
        DASHBOARD_VIEWER_USER: VIEWER.name,
        DASHBOARD_VIEWER_PASSWORD: VIEWER.password,
      }),
    },
    ['DATABASE_URL', 'QUEUE_URL'],
  )
  return startDashboard(settings, log ?? pino({ level: 'silent' }), (options) =>
    queueMissingUsers({ ...options, source: 'backfill', maxPending: DEFAULT_MAX_PENDING }),
  )
}

/** Basic authentication as one of the accounts. */
export function basic({ name, password }: { name: string; password: string }): { authorization: string } {
  return { authorization: `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}` }
}

/** Sends a form as a page of the dashboard does. */
export function post(
  dashboard: RunningDashboard,
  path: string,
  account: { name: string; password: string },
  fields: Record<string, string> = {},
): Promise<Response> {
  return fetch(dashboard.url + path, {
    method: 'POST',
    redirect: 'manual',
    headers: { ...basic(account), origin: dashboard.url },
    body: new URLSearchParams(fields),
  })
}

interface OverviewText {
  symptom: string
  /** The headline, what it means, and what else is wrong. */
  verdict: string
  /** What the verdict offers to press, the primary button first. */
  buttons: string[]
  figures: Record<string, string>
  text: string
}

/** What the page at `/` says, without its markup. */
export async function overviewOf(dashboard: RunningDashboard, account = OPERATOR): Promise<OverviewText> {
  const page = await (await fetch(dashboard.url, { headers: basic(account) })).text()
  const [, symptom = '', verdict = ''] =
    /<section id="verdict"[^>]*data-symptom="([^"]*)"[^>]*>(.*?)<\/section>/s.exec(page) ?? []
  const buttons = [...verdict.matchAll(/<a class="button[^>]*>([^<]*)<\/a>/g)].map(([, label = '']) => label)
  const figures = [...page.matchAll(/<dt>([^<]*)<\/dt><dd>([^<]*)<\/dd><dd class="note">([^<]*)<\/dd>/g)]
  return {
    symptom,
    verdict: textOf(
      verdict.replace(/<span class="mark".*?<\/span>/, '').replace(/<p class="row">.*?<\/p>/gs, ''),
    ),
    buttons,
    figures: Object.fromEntries(figures.map(([, name = '', value, note]) => [name, `${value} ${note}`])),
    text: textOf(page),
  }
}

function textOf(markup: string): string {
  return markup
    .replace(/<[^>]+>/g, ' ')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replace(/\s+/g, ' ')
    .trim()
}
