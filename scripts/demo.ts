import { once } from 'node:events'
import { Option } from 'commander'
import { type Listening, listen } from '../config/listen.js'
import { SettingsError } from '../config/settings.js'
import { type Answer, EXIT_FAILED, runCommand } from './command.js'
import { finalCheck } from './demo/final-check.js'
import { createNarrator, type Narrator } from './demo/narrator.js'
import { createSite } from './demo/site.js'
import { openStage, type Stage, stageLog } from './demo/stage.js'
import { type Told, walk } from './demo/tour.js'

const PAGE = { port: 4000, host: '127.0.0.1', portSetting: 'the demo’s page', hostSetting: 'the demo’s page' }

await runCommand({
  name: 'demo',
  description:
    'Shows auto-enroll at work on an embedded Postgres: a sign-up page on http://127.0.0.1:4000, a worker, and a guided ' +
    'tour; Ctrl-C ends it and removes everything. With DATABASE_URL and QUEUE_URL set it uses those, in a schema and under ' +
    'a queue prefix of its own, which it removes.',
  flags: [
    new Option('--once', 'take the tour without waiting for anybody, then exit: 0 if its final check holds'),
  ],
  mustCleanUp: true,
  async run({ settings, json, signal }, { once: isOnce = false }: { once?: boolean }) {
    const startedAt = performance.now()
    const narrator = createNarrator(json, !isOnce, signal)
    narrator.say('auto-enroll, a demo. Starting …\n')
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
    const tour = await walk(stage, narrator, signal)
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
    narrator.say(`Port ${PAGE.port} is in use, so the page has another.`)
    return listen(app, { ...PAGE, port: 0 })
  }
}

function introduce({ place, dashboard }: Stage, { url }: Listening, { say }: Narrator): void {
  say(place.description)
  say(
    '6 users are in it: 5 have no enrollment, 1 was put in a course by hand. 2 courses are published, 1 is a draft.',
  )
  say(`The sign-up page is on ${url}, the operators’ page on ${dashboard.url}`)
}

/** The final check decides; a step that was slow or odd is told all the same. */
function answerFor(tour: readonly Told[], tookMs: number): Answer {
  const ok = tour.some((step) => step.name === finalCheck.name && step.ok)
  const failed = tour.filter((step) => !step.ok).map((step) => step.name)
  return {
    text: `\n${verdict(ok, failed)} ${tour.length} steps took ${(tookMs / 1000).toFixed(1)} s.`,
    json: { ok, tookMs, steps: tour },
    exitCode: ok ? 0 : EXIT_FAILED,
  }
}

function verdict(ok: boolean, failed: readonly string[]): string {
  if (!ok) return `The final check does not hold; not as promised: ${failed.join(', ')}.`
  const held = 'The final check holds: everyone is enrolled, nobody twice.'
  return failed.length === 0 ? held : `${held} But not as promised: ${failed.join(', ')}.`
}

async function stayOpen(
  { place, settings }: Stage,
  { url }: Listening,
  verdict: string,
  { say }: Narrator,
  signal: AbortSignal,
): Promise<void> {
  say(verdict)
  say(`\nNow it is yours: ${url}`)
  say(
    'Sign up, continue with Google (also as somebody unverified), or stop the queue and sign up all the same.',
  )
  if (place.isEmbedded) {
    say('\nThe commands work on it from another terminal:')
    say(`  DATABASE_URL=${settings.DATABASE_URL} QUEUE_URL=${settings.QUEUE_URL} npm run verify`)
  }
  say('\nCtrl-C ends the demo and removes everything.')
  if (!signal.aborted) await once(signal, 'abort')
  say('')
}
