/**
 * Lets `tell` through at most once every `everyMs` for each topic, with how often it was held back since.
 */
export function throttle<Rest extends unknown[]>(
  everyMs: number,
  tell: (heldBack: number, ...rest: Rest) => void,
): (topic: string, ...rest: Rest) => void {
  const topics = new Map<string, { toldAt: number; heldBack: number }>()
  return (topic, ...rest) => {
    const last = topics.get(topic)
    // A monotonic clock: one that jumps back would silence a topic for as long.
    const now = performance.now()
    if (last !== undefined && now - last.toldAt < everyMs) {
      last.heldBack += 1
      return
    }
    topics.set(topic, { toldAt: now, heldBack: 0 })
    tell(last?.heldBack ?? 0, ...rest)
  }
}
