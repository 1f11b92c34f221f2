import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { context, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import { BullMQOtel } from 'bullmq-otel'
import { execa } from 'execa'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createPublisher } from '../../producers/publisher.js'
import { signUp } from '../../producers/sign-up.js'
import { countEnrollments, insertCourses } from '../support/application.js'
import { queuePlace, useDatabase } from '../support/servers.js'

interface Span {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
}

describe('with an OTLP endpoint', () => {
  const database = useDatabase()
  const spans: Span[] = []
  let collector: Server
  let written = ''

  beforeAll(async () => {
    collector = createServer(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      written += body
      const { resourceSpans } = JSON.parse(body) as {
        resourceSpans: { scopeSpans: { spans: Span[] }[] }[]
      }
      spans.push(...resourceSpans.flatMap((resource) => resource.scopeSpans.flatMap((scope) => scope.spans)))
      response.end('{}')
    }).listen(0, '127.0.0.1')
    await once(collector, 'listening')
  })
  afterAll(() => collector.close())

  it('one trace leads from the sign-up to the enrollment, without the email in it', async () => {
    await insertCourses(database, 1)
    const endpoint = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
    const queue = queuePlace('redis', database)
    const worker = execa('node', [fileURLToPath(new URL('../../dist/scripts/worker.js', import.meta.url))], {
      env: {
        DATABASE_URL: database.url,
        QUEUE_URL: queue.url,
        QUEUE_PREFIX: queue.prefix,
        WORKER_HTTP_PORT: '0',
        RECONCILE_INTERVAL_MS: '0',
        OTEL_EXPORTER_OTLP_ENDPOINT: endpoint,
      },
    })

    // The application's own tracing, as its framework sets it up.
    const provider = new NodeTracerProvider({
      spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint}/v1/traces` }))],
    })
    provider.register()
    const publisher = createPublisher({
      queueUrl: queue.url,
      prefix: queue.prefix,
      timeoutMs: 5000,
      telemetry: new BullMQOtel({ tracerName: 'auto-enroll' }),
    })
    const request = trace.getTracer('application').startSpan('POST /sign-up')
    const result = await context.with(trace.setSpan(context.active(), request), () =>
      signUp(
        { db: database.db, publisher },
        { name: 'Traced', email: 'traced@example.com', password: 'correct horse' },
      ),
    )
    request.end()
    expect(result).toMatchObject({ status: 'created', publish: { status: 'queued' } })
    await expect.poll(() => countEnrollments(database), { timeout: 10_000 }).toBe(1)
    await publisher.close()
    await provider.shutdown()
    worker.kill('SIGTERM')
    expect((await worker).exitCode).toBe(0)

    const ofThisTrace = spans.filter((span) => span.traceId === request.spanContext().traceId)
    const named = (name: string) => ofThisTrace.find((span) => span.name === name)
    const [added, processed] = [named('add user-created.user.created'), named('process user-created')]
    expect(added?.parentSpanId).toBe(request.spanContext().spanId)
    expect(processed?.parentSpanId).toBe(added?.spanId)
    expect(named('complete user-created')?.parentSpanId).toBe(processed?.spanId)
    expect(written).not.toContain('traced@example.com')
  })
})
