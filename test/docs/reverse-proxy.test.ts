import { expect, it, onTestFinished } from 'vitest'
import { settingsSchema } from '../../config/settings-schema.js'
import { OPERATOR, startTestDashboard } from '../support/dashboard.js'
import { NGINX, startNginx } from '../support/nginx.js'
import { ensurePrograms } from '../support/programs.js'
import { codeBlocks } from '../support/readme.js'
import { queuePlace, useDatabase } from '../support/servers.js'

const database = useDatabase()

it('serves the page, the login and live events through the nginx of the README', async () => {
  await ensurePrograms([NGINX])
  const [block = ''] = codeBlocks('nginx')
  const [upstream, ...directives] = [...block.matchAll(/^ {2}([^;]+);/gm)].map(
    ([, directive = '']) => directive,
  )
  expect(upstream).toBe(`proxy_pass http://127.0.0.1:${settingsSchema.parse({}).DASHBOARD_PORT}`)
  expect(directives).toHaveLength(4)

  const dashboard = await startTestDashboard({
    databaseUrl: database.url,
    queue: queuePlace('redis', database),
    env: { DASHBOARD_PASSWORD: OPERATOR.password, DASHBOARD_USER: OPERATOR.name },
  })
  onTestFinished(() => dashboard.close())
  const proxy = await startNginx({ upstream: dashboard.url, directives })
  onTestFinished(() => proxy.stop())
  const url = `http://127.0.0.1:${proxy.port}`

  const login = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { origin: url },
    body: new URLSearchParams({ name: OPERATOR.name, password: OPERATOR.password }),
    redirect: 'manual',
  })
  expect(login.status).toBe(303)
  const cookie = login.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
  expect(await (await fetch(url, { headers: { cookie } })).text()).toContain('id="verdict"')

  const events = await fetch(`${url}/events`, { headers: { cookie } })
  const reader = events.body?.getReader()
  expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^(event|data|id|retry|:)/)
  await reader?.cancel()
})
