export const POSTGRES_URL_FORM = 'postgres://user:password@host:5432/database'

/**
 * Whether node-postgres can parse the URL. It does not say what is wrong, because any part of an unreadable URL may be the
 * password.
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
