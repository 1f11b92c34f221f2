export {
  createPublisher,
  type PublishEvent,
  type Publisher,
  type PublisherLogger,
  type PublisherOptions,
  type PublishResult,
} from './producers/publisher.js'
export type { Source } from './queue/user-created.js'
