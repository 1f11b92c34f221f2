/**
 * Thrown when a process must not do its work until a person has changed something outside of it. Its message says what
 * was found, what was expected and what to do; the process ends with exit code 2.
 */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}
