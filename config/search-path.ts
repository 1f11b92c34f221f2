import type pg from 'pg'

/** The startup option that makes unqualified names refer to a schema. */
export function searchPathOption(schema: string): string {
  const quoted = `"${schema.replaceAll('"', '""')}"`
  return `-c search_path=${quoted.replace(/[\\\s]/g, '\\$&')}`
}

/** The search path that startup options set, if they do; the last one wins. */
export function searchPathIn(startupOptions: string): string | undefined {
  const [, path] = /.*(?:-c\s*|--)search_path=((?:\\.|[^\\\s])*)/s.exec(startupOptions) ?? []
  return path?.replace(/\\(.)/gs, '$1')
}

/**
 * Checks that a session has the search path it asked for. A pooler configured to ignore startup options silently drops it, and
 * unqualified names then refer to tables of another schema.
 *
 * @throws {Error} with code `EWRONGSCHEMA`
 */
export async function checkSearchPath(client: pg.ClientBase, expected: string): Promise<void> {
  const { rows } = await client.query<{ path: string; schema: string | null; role: string }>(
    `select current_setting('search_path') as path, current_schema() as schema, quote_ident(current_user) as role`,
  )
  const [found] = rows
  if (found === undefined || found.path === expected || found.schema === firstSchema(expected)) return
  throw Object.assign(
    new Error(
      `expected search_path ${expected}, but the session came with ${found.path}: a connection pooler ignores the startup ` +
        `option that sets it. Run ALTER ROLE ${found.role} SET search_path = ${expected} and make the pooler reconnect`,
    ),
    { code: 'EWRONGSCHEMA' },
  )
}

function firstSchema(path: string): string | undefined {
  const [, quoted, plain] = /^\s*(?:"((?:[^"]|"")*)"|([^",\s]+))/.exec(path) ?? []
  return quoted?.replaceAll('""', '"') ?? plain?.toLowerCase()
}
