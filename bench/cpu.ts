import { readdirSync, readFileSync } from 'node:fs'

/** CPU seconds that a process and its children, including ended ones, have used so far; 0 without /proc. */
export function cpuSeconds(pid: number): number {
  const own = statOf(pid)
  if (own === undefined) return 0
  const living = childrenOf(pid).reduce((sum, child) => sum + cpuSeconds(child), 0)
  return own.ticks / TICKS_PER_SECOND + living
}

/** CPU seconds used on the whole machine so far. */
export function machineCpuSeconds(): number {
  try {
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] =
      readFileSync('/proc/stat', 'utf8').split('\n', 1)[0]?.trim().split(/\s+/).slice(1).map(Number) ?? []
    return (user + nice + system + irq + softirq) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}

export function parentOf(pid: number): number {
  return statOf(pid)?.parent ?? pid
}

/** Linux's USER_HZ on every platform that Node runs on. */
const TICKS_PER_SECOND = 100

function statOf(pid: number): { parent: number; ticks: number } | undefined {
  try {
    // After the name, which is in parentheses and may contain spaces; see proc_pid_stat(5), fields 4 and 14 to 17.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ').map(Number) ?? []
    return { parent: fields[1] ?? 0, ticks: fields.slice(11, 15).reduce((sum, ticks) => sum + ticks, 0) }
  } catch {
    return undefined
  }
}

function childrenOf(pid: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((other) => statOf(other)?.parent === pid)
}
