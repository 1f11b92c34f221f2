import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { startScript } from '../support/process.js'
import { freePort } from '../support/redis-server.js'
import { queuePlace, useDatabase } from '../support/servers.js'

describe('a command that is signalled', () => {
  const database = useDatabase()

  it('takes a Ctrl-C that npm passes on besides the terminal for one', async () => {
    const worker = startScript('worker', [], {
      DATABASE_URL: database.url,
      QUEUE_URL: queuePlace('postgres', database).url,
      WORKER_HTTP_PORT: '0',
    })
    await once(worker.stderr, 'data')
    worker.kill('SIGINT')
    worker.kill('SIGTERM')
    const { exitCode, stdout } = await worker
    expect({ exitCode, stdout }).toEqual({ exitCode: 0, stdout: 'stopped' })
  })

  it('ends at the first signal when it has nothing to finish, whichever server keeps it waiting', async () => {
    const port = await freePort()
    const silent = createServer().listen(port, '127.0.0.1')
    const pause = startScript('pause', [], { QUEUE_URL: `redis://127.0.0.1:${port}` })
    const [socket] = await once(silent, 'connection')
    pause.kill('SIGINT')
    expect(await pause).toMatchObject({ signal: 'SIGINT', stdout: '', stderr: '' })
    socket.destroy()
    silent.close()
  })
})
