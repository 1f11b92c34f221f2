/** Somebody who may open the page. A viewer reads; an operator also acts. */
export interface Person {
  name: string
  role: 'viewer' | 'operator'
}

/** What every request of somebody who got in carries. */
export interface Visit {
  Variables: {
    person: Person
    /** Whether the person came with a session of ours, which logging out ends. */
    hasSession: boolean
  }
}
