import { setTimeout as delay } from 'node:timers/promises'

/** Waits until `claim` holds. For concurrent scenarios, which `expect.poll` cannot distinguish. */
export async function until(
  what: string,
  claim: () => boolean | Promise<boolean>,
  timeoutMs = 60_000,
): Promise<void> {
  const deadline = performance.now() + timeoutMs
  while (!(await claim())) {
    if (performance.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await delay(50)
  }
}
