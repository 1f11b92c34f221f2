/** `1 user`, `37 users`, `1,000,000 users`. */
export function count(number: number, noun: string): string {
  return `${number.toLocaleString('en')} ${noun}${number === 1 ? '' : 's'}`
}

/** One unit, rounded down: `4 s`, `3 min`, `2 h`, `5 days`. */
export function durationInWords(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 120 * 60) return `${Math.floor(seconds / 60)} min`
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} days`
}

export function agoInWords(then: Date, now: Date): string {
  return `${durationInWords(now.getTime() - then.getTime())} ago`
}

/** `14:03 UTC`, with the date where that is another day. */
export function timeInWords(then: Date, now: Date): string {
  return timeOfDay(then, now, 5)
}

/** `14:03:20 UTC`, with the date where that is another day. */
export function exactTimeInWords(then: Date, now: Date): string {
  return timeOfDay(then, now, 8)
}

/** `45 ms`, `1.2 s`, `3 min`. */
export function latencyInWords(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 10_000) return `${(ms / 1000).toFixed(1)} s`
  return durationInWords(ms)
}

export function are(number: number): string {
  return number === 1 ? 'is' : 'are'
}

function timeOfDay(then: Date, now: Date, length: number): string {
  const [date = '', time = ''] = then.toISOString().split('T')
  const today = now.toISOString().startsWith(date)
  return `${today ? '' : `${date} `}${time.slice(0, length)} UTC`
}
