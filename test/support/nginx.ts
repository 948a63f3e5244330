import { describe } from '@jest/globals';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const isInstalled = (() => {
  try {
    execFileSync('nginx', ['-v'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

if (!isInstalled) {
  const advice = 'Install it with `apt-get install nginx-light`.';
  if (process.env.CI === 'true') throw new Error(`nginx is not found, and it is required. ${advice}`);
  process.stderr.write(`\n!!! PROXY TESTS SKIPPED: nginx is not found. ${advice}\n\n`);
}

/** `describe`, skipped where nginx is not installed. */
export const describeBehindNginx = isInstalled ? describe : describe.skip;

/** A real nginx with its default limits: 8 kB for a header line of a request, 4 kB for the headers of a response. */
export interface Nginx {
  readonly port: number;
  close(): Promise<void>;
}

/** @param passes Host as the browser has sent it, or as nginx replaces it by default */
export async function startNginx(port: number, upstream: string, passes: 'Host' | 'nothing'): Promise<Nginx> {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-nginx-'));
  const file = join(folder, 'nginx.conf');
  writeFileSync(
    file,
    `
daemon off;
master_process off;
pid ${folder}/pid;
error_log ${folder}/error.log;
events {}
http {
  access_log off;
  client_body_temp_path ${folder}/body;
  proxy_temp_path ${folder}/proxy;
  fastcgi_temp_path ${folder}/fastcgi;
  uwsgi_temp_path ${folder}/uwsgi;
  scgi_temp_path ${folder}/scgi;
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass ${upstream};
      ${passes === 'Host' ? 'proxy_set_header Host $http_host;' : ''}
    }
  }
}
`,
  );
  const child = spawn('nginx', ['-c', file, '-p', folder], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await untilAnswers(child, port, () => output);
  return {
    port,
    close: async () => {
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function untilAnswers(child: ChildProcess, port: number, output: () => string): Promise<void> {
  while (child.exitCode === null) {
    const response = await fetch(`http://127.0.0.1:${port}/health/live`).catch(() => undefined);
    if (response) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nginx did not start:\n${output()}`);
}
