import { constants, openSync, writeSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Where log lines go; writing never waits and never throws. */
export interface LogOutput {
  write(line: string): void
  /** Lines that were dropped so far. */
  lost(): number
}

const STDERR = 2
/** About a thousand lines. */
const MAX_HELD_BYTES = 256 * 1024
const RETRY_MS = 50
/** How long a process that ends waits for a reader that is only slow. */
const LAST_LINES_MS = 500

/**
 * Writes lines to stderr. Lines that cannot be written now (the disk is full, or the reader of a pipe has gone or stopped
 * reading) are held and tried again; those that would be too many are dropped. Logging may lose lines, never work.
 *
 * @param onLost called with how many lines were dropped, once writing works again
 */
export function openLogOutput(onLost: (lines: number) => void): LogOutput {
  const fd = openWithoutWaiting()
  const held: Buffer[] = []
  let heldBytes = 0
  let lost = 0
  let unreported = 0
  let willRetry = false

  process.once('exit', writeLastLines)
  return {
    write(line) {
      const bytes = Buffer.from(line)
      if (heldBytes + bytes.length > MAX_HELD_BYTES) {
        lost += 1
        unreported += 1
      } else {
        held.push(bytes)
        heldBytes += bytes.length
      }
      if (!willRetry) flush()
    },
    lost: () => lost,
  }

  /** Writes what can be written at once; returns why not all could. */
  function flush(): string | undefined {
    try {
      for (let [first] = held; first !== undefined; [first] = held) {
        const written = writeSync(fd, first)
        heldBytes -= written
        if (written === first.length) held.shift()
        else held[0] = first.subarray(written)
      }
    } catch (error) {
      retryLater()
      return (error as NodeJS.ErrnoException).code
    }
    if (unreported > 0) {
      const lines = unreported
      unreported = 0
      onLost(lines)
    }
    return undefined
  }

  function retryLater(): void {
    if (willRetry) return
    willRetry = true
    setTimeout(() => {
      willRetry = false
      flush()
    }, RETRY_MS).unref()
  }

  function writeLastLines(): void {
    const clock = new Int32Array(new SharedArrayBuffer(4))
    const deadline = performance.now() + LAST_LINES_MS
    while (flush() === 'EAGAIN' && performance.now() < deadline) Atomics.wait(clock, 0, 0, 10)
  }
}

/** stderr, set up so that a write that would have to wait for its reader fails with EAGAIN instead. */
function openWithoutWaiting(): number {
  // Node's own stream makes pipes and sockets non-blocking when it is first used, and must not end the process either.
  process.stderr.on('error', () => undefined)
  if (!isatty(STDERR)) return STDERR
  try {
    // A terminal may be held by Ctrl-S. It is opened anew, since others share the present one.
    return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return STDERR
  }
}
