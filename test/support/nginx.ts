import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Program } from './programs.js'
import { freePort } from './redis-server.js'

export const NGINX: Program = {
  name: 'nginx',
  debianPackage: 'nginx-light',
  howToInstall: 'The tests put the dashboard behind a real nginx: put it on the PATH.',
}

export interface ReverseProxy {
  port: number
  stop(): Promise<void>
}

export interface ProxyOptions {
  /** Where requests go: `http://host:port`. */
  upstream: string
  /** Directives of its `location /` besides `proxy_pass`. With none, it is what people copy from the first tutorial they find. */
  directives?: readonly string[]
  /** If given, it listens with TLS. */
  certificate?: { certFile: string; keyFile: string }
  /** Listens on `[::1]` instead of `127.0.0.1`. */
  ipv6?: boolean
}

/** Starts a real nginx in front of `upstream`, on a free port of the loopback interface. */
export async function startNginx(options: ProxyOptions): Promise<ReverseProxy> {
  const [port, folder] = [await freePort(), await mkdtemp(join(tmpdir(), 'auto-enroll-nginx-'))]
  const configFile = join(folder, 'nginx.conf')
  await writeFile(configFile, configuration(options, port, folder))
  const server = spawn('nginx', ['-p', folder, '-c', configFile, '-e', join(folder, 'error.log')], {
    stdio: 'ignore',
  })
  await accepts(port, options.ipv6 ? '::1' : '127.0.0.1')
  return {
    port,
    async stop() {
      const exited = once(server, 'exit')
      server.kill('SIGTERM')
      await exited
      await rm(folder, { recursive: true, force: true })
    },
  }
}

function configuration(options: ProxyOptions, port: number, folder: string): string {
  const { upstream, directives = [], certificate, ipv6 = false } = options
  const paths = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  return `
daemon off; user root; worker_processes 1; pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  client_max_body_size 0;
  proxy_request_buffering off;
  ${paths.map((path) => `${path}_temp_path ${folder}/${path};`).join('\n  ')}
  server {
    listen ${ipv6 ? '[::1]' : '127.0.0.1'}:${port}${certificate === undefined ? '' : ' ssl'};
    ${certificate === undefined ? '' : `ssl_certificate ${certificate.certFile}; ssl_certificate_key ${certificate.keyFile};`}
    location / { proxy_pass ${upstream}; ${directives.map((directive) => `${directive};`).join(' ')} }
  }
}`
}

async function accepts(port: number, host: string): Promise<void> {
  for (;;) {
    const socket = connect(port, host)
    const accepted = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'error').then(() => false),
    ]).catch(() => false)
    socket.destroy()
    if (accepted) return
  }
}
