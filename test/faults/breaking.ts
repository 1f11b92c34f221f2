import type { Scenario } from './scenario.js'

interface Fault {
  begin: () => unknown
  lastsMs: number
  end: () => unknown
}

/** Breaks something under load, leaves it broken for a while, and repairs it. */
export async function breakFor(
  { during, faultEnds }: Pick<Scenario, 'during' | 'faultEnds'>,
  { begin, lastsMs, end }: Fault,
): Promise<void> {
  await during(1500)
  await begin()
  await during(lastsMs)
  await end()
  faultEnds()
  await during(1500)
}
