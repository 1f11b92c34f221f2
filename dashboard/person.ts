/** Somebody who may open the page. Viewers read; operators also act. */
export interface Person {
  name: string
  role: 'viewer' | 'operator'
}

/** What is known during each request that was let in. */
export interface Visit {
  Variables: {
    person: Person
    /** Whether the person has a session, which logging out ends. */
    hasSession: boolean
  }
}
