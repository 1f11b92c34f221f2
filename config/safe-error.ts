/** What may be logged about an error: never a row, a parameter, a query or free text from the database. */
export interface SafeError {
  type: string
  code?: string
  message: string
}

/**
 * Describes an error by an allow-list. Postgres includes values of rows in messages and details, and a trigger may raise any
 * text. Therefore only the code and the names of schema objects are kept from an error with an SQLSTATE.
 */
export function safeError(error: unknown): SafeError {
  if (!(error instanceof Error))
    return { type: typeof error, message: 'a value other than an Error was thrown' }
  const code = codeOf(error)
  if (code !== undefined && (isSqlState(code) || 'severity' in error))
    return { type: 'PostgresError', code, message: postgresMessage(error, code) }
  const message =
    error instanceof AggregateError ? aggregateMessage(error) : (error.message.split('\n')[0] ?? '')
  return { type: error.name, ...(code === undefined ? {} : { code }), message: withoutLogin(message) }
}

/** The `code` of a Node or Postgres error, or of the first error inside an AggregateError. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError && !('code' in error)) return codeOf(error.errors[0])
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}

/** Five digits or capitals. Node's own codes are longer or contain a `_`. */
export function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code)
}

function postgresMessage(error: Error, code: string): string {
  const named = ['constraint', 'column', 'table']
    .map((key) => [key, (error as unknown as Record<string, unknown>)[key]] as const)
    .filter((pair): pair is readonly [string, string] => typeof pair[1] === 'string')
    .map(([key, value]) => ` ${key} ${value}`)
  return `Postgres refused with SQLSTATE ${code}${named.length > 0 ? ` (${named.join(',').trim()})` : ''}`
}

function aggregateMessage(error: AggregateError): string {
  return error.message || error.errors.map((inner) => safeError(inner).message).join('; ')
}

function withoutLogin(message: string): string {
  return message.replace(/\/\/\S*@/g, '//***@')
}
