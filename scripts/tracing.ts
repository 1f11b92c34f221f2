import type { Telemetry } from 'bullmq'

export interface Tracing {
  /** Adds a job to the trace of the sign-up that published it. */
  telemetry: Telemetry
  /** Sends the remaining spans. */
  shutdown(): Promise<void>
}

/**
 * Sends traces over OTLP/HTTP to `endpoint` (a base URL: `/v1/traces` is appended). Without an endpoint, OpenTelemetry is not
 * even loaded.
 */
export async function startTracing(
  endpoint: string | undefined,
  serviceName: string,
): Promise<Tracing | undefined> {
  if (endpoint === undefined) return undefined
  const [{ BullMQOtel }, { OTLPTraceExporter }, { defaultResource, resourceFromAttributes }, sdk] =
    await Promise.all([
      import('bullmq-otel'),
      import('@opentelemetry/exporter-trace-otlp-http'),
      import('@opentelemetry/resources'),
      import('@opentelemetry/sdk-trace-node'),
    ])
  const provider = new sdk.NodeTracerProvider({
    resource: defaultResource().merge(resourceFromAttributes({ 'service.name': serviceName })),
    spanProcessors: [
      new sdk.BatchSpanProcessor(new OTLPTraceExporter({ url: `${endpoint.replace(/\/$/, '')}/v1/traces` })),
    ],
  })
  provider.register()
  return { telemetry: new BullMQOtel({ tracerName: 'auto-enroll' }), shutdown: () => provider.shutdown() }
}
