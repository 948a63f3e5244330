import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { execFile, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDatabase, type TestDatabase } from './support/database.js';

/**
 * The Docker image without Docker: the steps of the Dockerfile in temporary folders, and what it then runs, as a user
 * without rights. By default the packages and the build of this checkout stand in for its RUN steps; with
 * TEST_IMAGE_RUN=1 these run as well, which takes minutes and the network.
 */
const RUNS_STEPS = process.env.TEST_IMAGE_RUN === '1';
const STEP_LIMIT_MS = 600_000;
/** The user `nobody`, where the tests run as root. */
const UNPRIVILEGED = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {};

/** The same with an id that has no entry in /etc/passwd, as `docker run --user` has it. */
const UNKNOWN = process.getuid?.() === 0 ? { uid: 54321, gid: 54321 } : {};

const EXTENSION = `
import { Module } from '@nestjs/common';
import { allow, OnOAuthAuthorized } from 'gatehouse';

class Everybody {
  decide() { return allow; }
}
OnOAuthAuthorized()(Everybody.prototype, 'decide', Object.getOwnPropertyDescriptor(Everybody.prototype, 'decide'));
class EverybodyModule {}
Module({ providers: [Everybody] })(EverybodyModule);
export default EverybodyModule;
`;

/** A stage of the Dockerfile as a folder. */
interface Stage {
  readonly folder: string;
  readonly environment: Record<string, string>;
  command: string[];
  healthcheck: string[];
}

let root: string;
let image: Stage;
let database: TestDatabase;
let settings: Record<string, string>;

beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), 'gatehouse-image-'));
  chmodSync(root, 0o755);
  image = build(readFileSync('Dockerfile', 'utf8'));
  database = await createDatabase();
  settings = {
    ...image.environment,
    BASE_URL: 'http://localhost:4997',
    HOST: '127.0.0.1',
    OAUTH_INSECURE_TRANSPORT: '1',
    DATABASE_URL: database.url,
    SECRET_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    GITHUB_CLIENT_ID: 'id',
    GITHUB_CLIENT_SECRET: 'secret',
  };
}, STEP_LIMIT_MS);

afterAll(async () => {
  await database.drop();
  rmSync(root, { recursive: true, force: true });
});

/** The steps in their order. The names of the instructions are those of the Dockerfile reference. */
function build(dockerfile: string): Stage {
  const stages = new Map<string, Stage>();
  let stage: Stage | undefined;
  for (const line of dockerfile.replaceAll('\\\n', ' ').split('\n')) {
    const [, instruction = '', rest = ''] = /^([A-Z]+) +(.*)$/.exec(line) ?? [];
    if (instruction === 'FROM') {
      const name = / AS (\S+)$/.exec(rest)?.[1] ?? 'last';
      stage = { folder: join(root, name), environment: {}, command: [], healthcheck: [] };
      mkdirSync(stage.folder);
      stages.set(name, stage);
    }
    if (!stage) continue;
    if (instruction === 'ENV') {
      for (const [, name, value] of rest.matchAll(/(\w+)=(\S+)/g)) stage.environment[name!] = value!;
    } else if (instruction === 'COPY') copyInto(stage, rest, stages);
    else if (instruction === 'RUN') run(stage, rest);
    else if (instruction === 'HEALTHCHECK')
      stage.healthcheck = JSON.parse(/ CMD (.*)$/.exec(rest)?.[1] ?? '') as string[];
    else if (instruction === 'CMD') stage.command = JSON.parse(rest) as string[];
  }
  return stages.get('last')!;
}

function copyInto(stage: Stage, rest: string, stages: ReadonlyMap<string, Stage>): void {
  const from = /^--from=(\S+) /.exec(rest)?.[1];
  const parts = rest.replace(/^--from=\S+ /, '').split(/ +/);
  const target = parts.pop()!;
  for (const part of parts) {
    const source = from === undefined ? part : join(stages.get(from)!.folder, part.replace(/^\/app\//, ''));
    const path = target.endsWith('/') ? join(stage.folder, target, part) : join(stage.folder, target);
    cpSync(source, path, { recursive: true, filter: (file) => !file.endsWith('.spec.ts') });
  }
}

function run(stage: Stage, command: string): void {
  if (RUNS_STEPS) {
    const env = { PATH: process.env.PATH ?? '', HOME: root, ...stage.environment };
    execFileSync('sh', ['-c', command], { cwd: stage.folder, env, timeout: STEP_LIMIT_MS });
  } else if (command.startsWith('npm ci')) {
    symlinkSync(join(process.cwd(), 'node_modules'), join(stage.folder, 'node_modules'));
  } else if (command === 'npm run build') {
    cpSync('dist', join(stage.folder, 'dist'), { recursive: true });
  } else throw new Error(`RUN ${command} has no stand-in`);
}

/** Runs `npm run cli -- …` in the image, as a user without an entry in /etc/passwd if possible. */
async function cli(...args: string[]): Promise<{ code: number; output: string }> {
  const environment = { PATH: process.env.PATH ?? '', ...settings };
  return new Promise((resolve) => {
    execFile(
      'npm',
      ['run', '--silent', 'cli', '--', ...args],
      { cwd: image.folder, env: environment, ...UNKNOWN },
      (error, stdout, stderr) => resolve({ code: error ? Number(error.code) : 0, output: `${stdout}${stderr}` }),
    );
  });
}

/** Runs what HEALTHCHECK names. @returns its exit code */
async function healthcheck(environment: Record<string, string>): Promise<number | null> {
  const [program = '', ...args] = image.healthcheck;
  const env = { PATH: process.env.PATH ?? '', ...settings, ...environment };
  const child = spawn(program, args, { cwd: image.folder, env, stdio: 'ignore', ...UNPRIVILEGED });
  const [code] = (await once(child, 'exit')) as [number | null];
  return code;
}

/** Starts what CMD names, and waits until it is ready. */
async function start(environment: Record<string, string>, host = '127.0.0.1') {
  const port = await freePort();
  const [program = '', ...args] = image.command;
  const child = spawn(program, args, {
    cwd: image.folder,
    env: { PATH: process.env.PATH ?? '', ...settings, ...environment, PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...UNPRIVILEGED,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const url = `http://${host}:${port}`;
  for (;;) {
    if (child.exitCode !== null) throw new Error(`The image did not start:\n${output}`);
    const ready = await fetch(`${url}/health/ready`).catch(() => undefined);
    if (ready?.status === 200) return { child, url, port: String(port) };
    await sleep(50);
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}

const addresses = Object.values(networkInterfaces()).flatMap((found) => found ?? []);
const ownAddress = addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address ?? '127.0.0.1';

describe('the healthcheck of the Docker image', () => {
  it.each([
    ['127.0.0.1', '127.0.0.1'],
    ['0.0.0.0', '127.0.0.1'],
    ['', '127.0.0.1'],
    ['::1', '[::1]'],
    ['[::1]', '[::1]'],
    ['::', '[::1]'],
    ['localhost', 'localhost'],
    [ownAddress, ownAddress],
  ])(
    'asks the server that listens on HOST=%s, and fails without it',
    async (HOST, reached) => {
      const { child, port } = await start({ HOST }, reached);
      expect(await healthcheck({ HOST, PORT: port })).toBe(0);
      child.kill('SIGTERM');
      await once(child, 'exit');
      expect(await healthcheck({ HOST, PORT: port })).toBe(1);
    },
    60_000,
  );
});

describe('the Docker image', () => {
  it('becomes ready with one provider that is not Google, and ends with its signal', async () => {
    const { child, url } = await start({});
    const providers = (await (await fetch(`${url}/api/providers`)).json()) as { id: string }[];
    expect(providers.map(({ id }) => id)).toEqual(['github']);
    child.kill('SIGTERM');
    const [code] = (await once(child, 'exit')) as [number];
    expect(code).toBe(0);
  }, 120_000);

  it('loads a mounted extension', async () => {
    mkdirSync(join(image.folder, 'extensions'), { recursive: true });
    writeFileSync(join(image.folder, 'extensions', 'everybody.js'), EXTENSION);
    writeFileSync(join(image.folder, 'extensions', 'package.json'), '{"type":"module"}');
    const { child } = await start({ EXTENSIONS: 'extensions/everybody.js' });
    child.kill('SIGTERM');
    await once(child, 'exit');
  }, 120_000);

  it('has the commands', async () => {
    const { code, output } = await cli('--help');
    expect([code, output]).toEqual([0, expect.stringContaining('doctor')]);
    expect((await cli('doctor')).output).toContain('PostgreSQL');
    expect(await cli('migrate')).toEqual({ code: 0, output: expect.stringContaining('up to date') });
  }, 120_000);

  it.each([['provider:new', 'acme'], ['provider:check', 'github'], ['provider:docs']])(
    'says that %s is not in it',
    async (...command) => {
      expect(await cli(...command)).toEqual({ code: 1, output: expect.stringContaining('is not in the image') });
    },
    120_000,
  );
});

describe('docker-compose.yml', () => {
  const compose = readFileSync('docker-compose.yml', 'utf8');

  it('requires no provider by name', () => {
    const required = [...compose.matchAll(/\$\{(\w+):\?/g)].map(([, name]) => name);
    expect([...new Set(required)].sort()).toEqual(['POSTGRES_PASSWORD', 'SECRET_KEYS']);
  });

  it('mounts a folder for extensions', () => {
    expect(compose).toContain('- ./extensions:/app/extensions:ro');
  });
});
