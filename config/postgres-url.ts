export const POSTGRES_URL_FORM = 'postgres://user:password@host:5432/database'

/**
 * Whether node-postgres can read the URL. What is wrong is not told, because any part of a URL that cannot be read may
 * be the password.
 */
export function isPostgresUrl(text: string): boolean {
  if (!/^postgres(ql)?:\/\//i.test(text) || !URL.canParse(text)) return false
  const { username, password, hostname, pathname } = new URL(text)
  try {
    for (const part of [username, password, hostname, pathname]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}
