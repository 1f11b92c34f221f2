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
/** How long an exiting process waits for a slow reader. */
const LAST_LINES_MS = 500

/**
 * Writes lines to stderr. Lines that cannot be written at once (a full disk, a pipe whose reader is gone or stuck) are held
 * and retried; when too many are held, new ones are dropped. Logging may lose lines, but never stops the work.
 *
 * @param onLost called with the number of dropped lines once writing works again
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

  /** Writes as much as possible without waiting; returns the error code if lines are left. */
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

/** Opens stderr so that a write fails with EAGAIN instead of waiting for the reader. */
function openWithoutWaiting(): number {
  // Using Node's own stream makes pipes and sockets non-blocking. Its errors must not crash the process.
  process.stderr.on('error', () => undefined)
  if (!isatty(STDERR)) return STDERR
  try {
    // Ctrl-S stops a terminal. It is opened again, because other processes share the current descriptor.
    return openSync('/proc/self/fd/2', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch {
    return STDERR
  }
}
