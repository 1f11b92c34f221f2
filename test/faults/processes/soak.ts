/** `npm run test:soak -- --minutes N [--seed S]`: prints the seed, then runs the soak test with it. */
import { spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { Command, InvalidArgumentError } from 'commander'

const MAX_SEED = 2 ** 32

const { minutes, seed } = new Command('npm run test:soak --')
  .description(
    'Breaks the servers, the links and the workers at random under load, then checks every promise. The same seed draws ' +
      'the same faults.',
  )
  .helpOption('--help', 'show this help')
  .requiredOption('--minutes <number>', 'how long to break things', number('--minutes', 0.1, 7 * 24 * 60))
  .option('--seed <number>', 'of an earlier run, to draw its faults again', number('--seed', 0, MAX_SEED - 1))
  .configureOutput({ outputError: (text, write) => write(text) })
  .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2))
  .parse()
  .opts<{ minutes: number; seed?: number }>()

const drawn = Math.floor(seed ?? randomInt(MAX_SEED))
process.stdout.write(`seed ${drawn}; again: npm run test:soak -- --minutes ${minutes} --seed ${drawn}\n`)
const vitest = spawn('vitest', ['run', '--config', 'test/faults/soak.config.ts'], {
  env: { ...process.env, SOAK_MINUTES: String(minutes), SOAK_SEED: String(drawn) },
  stdio: 'inherit',
})
vitest.on('exit', (code) => process.exit(code ?? 1))

function number(flag: string, min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && value >= min && value <= max) return value
    throw new InvalidArgumentError(`${flag} takes a number from ${min} to ${max}.`)
  }
}
