/** A median with the smallest and the largest value. */
export interface Spread {
  median: number
  min: number
  max: number
}

/**
 * Runs every contestant once per round, one after the other, starting with a different one each round, so that disturbances
 * of the machine affect all of them. The first round is a warm-up and does not count.
 */
export async function interleave<Name extends string, Sample>(
  contestants: Readonly<Record<Name, () => Promise<Sample>>>,
  rounds: number,
  onRound: (round: number) => void = () => undefined,
): Promise<Record<Name, Sample[]>> {
  const names = Object.keys(contestants) as Name[]
  const samples = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, Sample[]>
  for (let round = 0; round <= rounds; round += 1) {
    onRound(round)
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(round + turn) % names.length] as Name
      const sample = await contestants[name]()
      if (round > 0) samples[name].push(sample)
    }
  }
  return samples
}

export function spreadOf(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) }
}

/** The spread of the ratios within each round. */
export function ratioOf(values: readonly number[], others: readonly number[]): Spread {
  return spreadOf(values.map((value, round) => value / (others[round] ?? Number.NaN)))
}

/** The smallest value that is not exceeded by this share of the values (nearest rank). */
export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((a, b) => a - b)[Math.max(0, Math.ceil(share * values.length) - 1)] ?? Number.NaN
}

function median(values: readonly number[]): number {
  const upper = -quantile(
    values.map((value) => -value),
    0.5,
  )
  return (quantile(values, 0.5) + upper) / 2
}
