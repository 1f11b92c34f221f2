import { Registry } from 'prom-client'
import { expect, it } from 'vitest'
import { createPublisher } from '../../producers/publisher.js'

it('two publishers on one registry count into the same series', async () => {
  const registry = new Registry()
  const publishers = [1, 2].map(() =>
    createPublisher({ queueUrl: 'redis://127.0.0.1:1', enabled: false, registry }),
  )
  for (const publisher of publishers) await publisher.publish({ userId: 'u1', source: 'credentials' })

  const exported = await registry.metrics()
  expect(exported).toContain('auto_enroll_publish_total{status="disabled",source="credentials"} 2')
  expect(exported).toContain('auto_enroll_publish_seconds_count 2')
})
