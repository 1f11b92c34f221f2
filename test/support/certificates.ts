import { execFile } from 'node:child_process'
import { chmod, chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Program } from './programs.js'

export const OPENSSL: Program = {
  name: 'openssl',
  debianPackage: 'openssl',
  howToInstall: 'The tests make certificates with openssl: put it on the PATH.',
}

const run = promisify(execFile)
const openssl = (flags: readonly string[]) => run('openssl', flags)

/** `nobody`. Started by root, the embedded PostgreSQL runs as this user, who must own its key. */
const NOBODY = 65534

export interface Certificate {
  certFile: string
  keyFile: string
}

export interface Authority {
  caFile: string
  issue(hostname: string): Promise<Certificate>
  /** Removes all its files. */
  remove(): Promise<void>
}

/** A private certificate authority in a temporary folder. */
export async function makeAuthority(): Promise<Authority> {
  const folder = await mkdtemp(join(tmpdir(), 'auto-enroll-ca-'))
  await chmod(folder, 0o755)
  const [caFile, caKey] = [join(folder, 'ca.crt'), join(folder, 'ca.key')]
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']
  await openssl([
    'req',
    '-x509',
    ...key,
    '-keyout',
    caKey,
    '-out',
    caFile,
    '-subj',
    '/CN=Test CA',
    '-days',
    '2',
  ])
  return {
    caFile,
    async issue(hostname) {
      const [certFile, keyFile] = [join(folder, `${hostname}.crt`), join(folder, `${hostname}.key`)]
      const subject = ['-subj', `/CN=${hostname}`, '-addext', `subjectAltName=DNS:${hostname}`, '-days', '2']
      const issuer = ['-CA', caFile, '-CAkey', caKey]
      await openssl(['req', '-x509', ...key, ...issuer, '-keyout', keyFile, '-out', certFile, ...subject])
      await chmod(keyFile, 0o600)
      if (process.getuid?.() === 0) await chown(keyFile, NOBODY, NOBODY)
      return { certFile, keyFile }
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  }
}
