import { once } from 'node:events'
import { Option } from 'commander'
import { type Listening, listen } from '../config/listen.js'
import { SettingsError } from '../config/settings.js'
import { type Answer, EXIT_FAILED, runCommand } from './command.js'
import { finalCheck } from './demo/final-check.js'
import { createNarrator, type Narrator } from './demo/narrator.js'
import { createSite } from './demo/site.js'
import { openStage, type Stage, stageLog } from './demo/stage.js'
import { runTour, type StepResult } from './demo/tour.js'

const PAGE = { port: 4000, host: '127.0.0.1', portSetting: 'the demo’s page', hostSetting: 'the demo’s page' }

await runCommand({
  name: 'demo',
  description:
    'Runs auto-enroll on an embedded Postgres, with a sign-up page on http://127.0.0.1:4000, a worker and a guided tour. ' +
    'Ctrl-C stops it and removes everything. With DATABASE_URL and QUEUE_URL set it uses those servers, in a schema and ' +
    'under a queue prefix of its own, and removes both at the end.',
  flags: [
    new Option('--once', 'run the tour without pauses, then exit: 0 if its final check passes, 1 if not'),
  ],
  mustCleanUp: true,
  async run({ settings, json, signal }, { once: isOnce = false }: { once?: boolean }) {
    const startedAt = performance.now()
    const narrator = createNarrator(json, !isOnce, signal)
    narrator.say('The auto-enroll demo is starting …\n')
    const stage = await openStage(settings, stageLog(settings, process.env.LOG_LEVEL !== undefined))
    try {
      return await show(stage, narrator, isOnce, signal, startedAt)
    } finally {
      await stage.close()
    }
  },
})

async function show(
  stage: Stage,
  narrator: Narrator,
  isOnce: boolean,
  signal: AbortSignal,
  startedAt: number,
): Promise<Answer> {
  let isTouring = true
  const site = await openSite(stage, () => isTouring, narrator)
  try {
    introduce(stage, site, narrator)
    narrator.begin()
    const tour = await runTour(stage, narrator, signal)
    isTouring = false
    const answer = answerFor(tour, Math.round(performance.now() - startedAt))
    if (isOnce) return answer
    await stayOpen(stage, site, answer.text, narrator, signal)
    return { ...answer, text: 'Everything was removed.' }
  } finally {
    await site.close()
  }
}

async function openSite(stage: Stage, isTouring: () => boolean, narrator: Narrator): Promise<Listening> {
  const app = createSite(stage, isTouring)
  try {
    return await listen(app, PAGE)
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    narrator.say(`Port ${PAGE.port} is in use, so the page is on another one.`)
    return listen(app, { ...PAGE, port: 0 })
  }
}

function introduce({ place, dashboard }: Stage, { url }: Listening, { say }: Narrator): void {
  say(place.description)
  say(
    'It has 6 users: 5 have no enrollment, 1 was enrolled in a course by hand. 2 courses are published, 1 is a draft.',
  )
  say(`Sign-up page: ${url}   Operators’ page: ${dashboard.url}`)
}

/** Only the final check decides the exit code; other steps that went wrong are named. */
function answerFor(tour: readonly StepResult[], tookMs: number): Answer {
  const ok = tour.some((step) => step.name === finalCheck.name && step.ok)
  const failed = tour.filter((step) => !step.ok).map((step) => step.name)
  return {
    text: `\n${verdict(ok, failed)} The ${tour.length} steps took ${(tookMs / 1000).toFixed(1)} s.`,
    json: { ok, tookMs, steps: tour },
    exitCode: ok ? 0 : EXIT_FAILED,
  }
}

function verdict(ok: boolean, failed: readonly string[]): string {
  if (!ok) return `The final check failed. Steps that went wrong: ${failed.join(', ')}.`
  const passed = 'The final check passed: everyone is enrolled, nobody twice.'
  return failed.length === 0 ? passed : `${passed} But these steps went wrong: ${failed.join(', ')}.`
}

async function stayOpen(
  { place, settings }: Stage,
  { url }: Listening,
  verdict: string,
  { say }: Narrator,
  signal: AbortSignal,
): Promise<void> {
  say(verdict)
  say(`\nYour turn: ${url}`)
  say('Sign up, continue with Google (also with an unverified email), or stop the queue and sign up anyway.')
  if (place.isEmbedded) {
    say('\nYou can run the commands on it from another terminal:')
    say(`  DATABASE_URL=${settings.DATABASE_URL} QUEUE_URL=${settings.QUEUE_URL} npm run verify`)
  }
  say('\nPress Ctrl-C to stop the demo and remove everything.')
  if (!signal.aborted) await once(signal, 'abort')
  say('')
}
