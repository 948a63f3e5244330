import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SETTINGS } from '../../src/config/settings.js';
import { descendant } from './system-processes.js';
import { UNLIMITED } from './unlimited.js';

/** Gatehouse as a process of its own, as `npm start` and production run it. */
export interface GatehouseProcess {
  /** Where it listens; BASE_URL may say something else. */
  readonly url: string;
  readonly child: ChildProcess;
  output(): string;
  stop(): Promise<number | null>;
  /** kill -9: no handler runs, nothing is finished, nothing is told. */
  kill(): Promise<void>;
}

/** A first start makes a database, on a machine that may be busy with other tests. */
const START_LIMIT_MS = 90_000;

/** Runs the build with these settings and nothing else of our environment. Never reads a `.env` of the checkout. */
export function spawnGatehouse(environment: Record<string, string>): { child: ChildProcess; output: () => string } {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-run-'));
  const child = spawn(process.execPath, [join(process.cwd(), 'dist/main.js')], {
    cwd: folder,
    env: { PATH: process.env.PATH ?? '', HOME: folder, ...UNLIMITED, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const take = (chunk: Buffer) => (text += chunk.toString());
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  child.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return { child, output: () => text };
}

/** A folder for DATA_DIR. Under root Postgres runs as another user, who could not enter a folder of ours alone. */
export function makeDataFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'gatehouse-data-')));
  chmodSync(folder, 0o755);
  return folder;
}

/** Runs `npm start` in the checkout, as the README has it, and waits until it greets. `child` is npm. */
export async function startWithNpm(environment: Record<string, string>): Promise<GatehouseProcess> {
  const home = mkdtempSync(join(tmpdir(), 'gatehouse-home-'));
  // NODE_ENV is left out. An empty setting is none, and hides what a `.env` of the checkout says.
  const names = [...Object.keys(SETTINGS), 'GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET'].filter((name) => name !== 'NODE_ENV'); // prettier-ignore
  const none = Object.fromEntries(names.map((name) => [name, '']));
  const child = spawn('npm', ['start'], {
    env: {
      PATH: process.env.PATH ?? '',
      HOME: home,
      npm_config_update_notifier: 'false',
      ...none,
      ...UNLIMITED,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  const take = (chunk: Buffer) => (text += chunk.toString());
  child.stdout.on('data', take);
  child.stderr.on('data', take);
  const exited = once(child, 'exit');
  void exited.then(() => rmSync(home, { recursive: true, force: true }));
  const app = () => descendant(child.pid!, /^\S*node .*scripts\/start\.js/);

  const giveUpAt = Date.now() + START_LIMIT_MS;
  let url: string | undefined;
  while ((url = /Gatehouse {2}(http\S+)/.exec(text)?.[1]) === undefined) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      child.kill();
      throw new Error(`npm start did not start Gatehouse:\n${text}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    child,
    output: () => text,
    stop: async () => {
      child.kill('SIGTERM');
      await exited;
      return child.exitCode;
    },
    kill: async () => {
      process.kill(app(), 'SIGKILL');
      await exited;
    },
  };
}

/** Starts it on a free port and waits until it serves. */
export async function startProcess(environment: Record<string, string>): Promise<GatehouseProcess> {
  const port = environment.PORT ?? String(await freePort());
  const { child, output } = spawnGatehouse({ ...environment, PORT: port });
  const url = `http://localhost:${port}`;
  const giveUpAt = Date.now() + START_LIMIT_MS;
  for (;;) {
    if (child.exitCode !== null || Date.now() > giveUpAt) {
      child.kill('SIGKILL');
      throw new Error(`Gatehouse did not start:\n${output()}`);
    }
    const ready = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (ready?.status === 200) break;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return {
    url,
    child,
    output,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
      const exit = once(child, 'exit');
      child.kill('SIGTERM');
      await exit;
      return child.exitCode;
    },
    kill: async () => {
      const exit = once(child, 'exit');
      child.kill('SIGKILL');
      await exit;
    },
  };
}

export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
