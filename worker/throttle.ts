/**
 * Calls `report` at most once every `everyMs` for each topic, with the number of calls skipped since the last one.
 */
export function throttle<Rest extends unknown[]>(
  everyMs: number,
  report: (skipped: number, ...rest: Rest) => void,
): (topic: string, ...rest: Rest) => void {
  const topics = new Map<string, { reportedAt: number; skipped: number }>()
  return (topic, ...rest) => {
    const last = topics.get(topic)
    // A monotonic clock: one that jumps back would silence a topic for as long.
    const now = performance.now()
    if (last !== undefined && now - last.reportedAt < everyMs) {
      last.skipped += 1
      return
    }
    topics.set(topic, { reportedAt: now, skipped: 0 })
    report(last?.skipped ?? 0, ...rest)
  }
}
