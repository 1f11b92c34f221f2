import { Writable } from 'node:stream'

/** A destination for a pino logger that collects the lines as objects. */
export function linesTo(lines: Record<string, unknown>[]): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      for (const line of chunk.toString().trim().split('\n')) lines.push(JSON.parse(line))
      done()
    },
  })
}
