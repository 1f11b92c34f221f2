import { describe, expect, it } from 'vitest'
import { type Fresh, keepFresh } from '../../dashboard/fresh.js'

/** Something to read that returns when the test lets it. */
function question() {
  const asked: { answer: (value: number) => void; refuse: (error: Error) => void }[] = []
  const load = () => new Promise<number>((answer, refuse) => asked.push({ answer, refuse }))
  return { asked, load }
}

async function askedAgain(fresh: Fresh<number>, asked: readonly unknown[]): Promise<void> {
  await expect
    .poll(async () => {
      await fresh.read(0)
      return asked.length
    })
    .toBe(2)
}

describe('what is kept fresh', () => {
  it('is read once, however many ask', async () => {
    const { asked, load } = question()
    const fresh = keepFresh(load, { maxAgeMs: 0 })
    const readers = [fresh.read(1000), fresh.read(1000)]
    asked[0]?.answer(1)
    expect(await Promise.all(readers)).toMatchObject([{ value: 1 }, { value: 1 }])
    expect(asked).toHaveLength(1)
  })

  it('is not handed out old while the new is a moment away', async () => {
    const { asked, load } = question()
    const fresh = keepFresh(load, { maxAgeMs: 0 })
    const first = fresh.read(1000)
    asked[0]?.answer(1)
    await first
    await askedAgain(fresh, asked)
    const second = fresh.read(1000)
    asked[1]?.answer(2)
    expect(await second).toMatchObject({ status: 'known', value: 2 })
  })

  it('is no longer known when nothing is heard of the next reading, and known again once it comes', async () => {
    const { asked, load } = question()
    const fresh = keepFresh(load, { maxAgeMs: 0, silenceMs: 20 })
    const first = fresh.read(1000)
    asked[0]?.answer(1)
    expect(await first).toMatchObject({ status: 'known', value: 1 })

    await expect
      .poll(() => fresh.read(0))
      .toMatchObject({ status: 'failed', code: 'ETIMEDOUT', last: { value: 1 } })
    asked[1]?.answer(2)
    await expect.poll(() => fresh.read(0)).toMatchObject({ status: 'known', value: 2 })
  })

  it('keeps the last value and its age when reading fails', async () => {
    const { asked, load } = question()
    const fresh = keepFresh(load, { maxAgeMs: 0 })
    const first = fresh.read(1000)
    asked[0]?.answer(1)
    await first
    await askedAgain(fresh, asked)
    const second = fresh.read(1000)
    asked[1]?.refuse(new Error('away'))
    expect(await second).toMatchObject({ status: 'failed', last: { value: 1, readAt: expect.any(Date) } })
  })
})
