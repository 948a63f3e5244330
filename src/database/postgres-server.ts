/**
 * One running Postgres server: starts it on a free port, waits until it is ready, and ends it, whatever ends us.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { open, readFile, rename, rm, stat } from 'node:fs/promises';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { EmbeddedPostgresError } from './embedded-postgres.errors.js';
import { asUser, POSTGRES_ENVIRONMENT, type PostgresUser, run } from './postgres-user.js';

export const HOST = '127.0.0.1';

/** Crash recovery of a development database takes a second; this is for a slow disk. */
const START_LIMIT_MS = 30_000;

/** A fast shutdown writes everything to disk first. Whoever is killed after this recovers at the next start. */
const STOP_LIMIT_MS = 20_000;

/** How long the server of a process that was just killed may take to notice. */
const NOTICE_LIMIT_MS = 1_500;

/** A port can be taken between our finding it free and the server's using it. */
const START_ATTEMPTS = 5;
const POLL_MS = 15;
const LOG_LIMIT_BYTES = 1_000_000;
const LOG_TAIL_BYTES = 4_096;

/**
 * Runs the server as "$@" and ends it when our end of the pipe closes, which it does when we die in any way, kill -9
 * included. The signal is repeated, because a server that has not set up its handlers yet ignores the first; after
 * half a minute it is told to drop everything. Nothing is ever written to the pipe, so `read` returns only at its end.
 */
const GUARD = `
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
(
  read -r line <&3
  seconds=0
  while kill -INT $server 2>/dev/null && sleep 1; do
    seconds=$((seconds + 1))
    if [ $seconds -ge 30 ]; then kill -QUIT $server; fi
  done
) &
watcher=$!
exec 3<&-
wait $server
status=$?
kill $watcher 2>/dev/null
exit $status
`;

export interface ServerOptions {
  readonly postgres: string;
  /** The folder of the server log. */
  readonly folder: string;
  readonly data: string;
  readonly user: PostgresUser | undefined;
  readonly settings: Readonly<Record<string, string>>;
}

export interface PostgresServer {
  readonly port: number;
  stop(): Promise<void>;
}

export async function startServer(options: ServerOptions): Promise<PostgresServer> {
  const log = join(options.folder, 'server.log');
  await setAsideLongLog(log);
  for (let attempt = 1; ; attempt += 1) {
    await waitForPredecessor(options);
    const port = await freePort();
    const logStart = await sizeOf(log);
    const server = await spawnServer(options, port, log);
    const state = await untilReady(server, options.data, port);
    if (state === 'ready') {
      server.release();
      return { port, stop: () => server.stop() };
    }
    await server.stop();
    const lastLines = await tail(log, logStart);
    // Its port was taken, another start came first, or backends of a killed server are still going: look again.
    const mayPass = /Address already in use|postmaster\.pid|is still in use/.test(lastLines);
    if (state === 'ended' && mayPass && attempt < START_ATTEMPTS) {
      await sleep(POLL_MS * attempt ** 2);
      continue;
    }
    const fate = state === 'ended' ? 'could not start' : `was not ready after ${START_LIMIT_MS / 1000} seconds`;
    throw new EmbeddedPostgresError(`Postgres ${fate} in ${options.folder}; ${log} says why.`, {
      cause: new Error(lastLines),
    });
  }
}

/**
 * The port of the living server of this data folder, once it is ready. Undefined when there is none, or when the one
 * there is is about to end.
 */
export async function portOfRunningServer(data: string): Promise<number | undefined> {
  const began = Date.now();
  for (;;) {
    const lock = await readLock(data);
    if (lock === undefined || lock.status === 'stopping') return undefined;
    if (!(await commandOf(lock.pid)).includes('/postgres -D ')) return undefined;
    if (lock.status === 'ready') return lock.port;
    if (Date.now() - began > START_LIMIT_MS) return undefined;
    await sleep(POLL_MS);
  }
}

/**
 * Waits for the server of a killed process to end, and throws when it belongs to a living one. Postgres itself
 * refuses a folder in use as well, but takes any process for its own kind: in a container, where numbers repeat, the
 * lock of a killed server would name some other program and hold for ever. So a lock that names one is removed.
 */
async function waitForPredecessor({ folder, data }: ServerOptions): Promise<void> {
  const began = Date.now();
  for (;;) {
    const lock = await readLock(data);
    if (lock === undefined) return;
    const command = await commandOf(lock.pid);
    if (command === '') return;
    if (!command.includes('/postgres -D ')) {
      await rm(join(data, 'postmaster.pid'), { force: true });
      return;
    }
    if (Date.now() - began > (lock.status === 'stopping' ? START_LIMIT_MS : NOTICE_LIMIT_MS)) {
      throw new EmbeddedPostgresError(
        `Another process already uses the database in ${folder}: stop it first, or set DATABASE_URL to another Postgres.`,
      );
    }
    await sleep(POLL_MS);
  }
}

/** `postmaster.pid`: 1 process, 2 folder, 3 start in Unix seconds, 4 port, 8 status (PostgreSQL's pidfile.h). */
async function readLock(
  data: string,
): Promise<{ pid: number; startedAt: number; port: number; status: string } | undefined> {
  const lines = (await readFile(join(data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  return { pid, startedAt: Number(lines[2]), port: Number(lines[3]), status: (lines[7] ?? '').trim() };
}

/** What the process was started as, or nothing when it is gone. */
async function commandOf(pid: number): Promise<string> {
  return process.platform === 'linux'
    ? (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ')
    : run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => '');
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, HOST, resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function spawnServer(options: ServerOptions, port: number, log: string): Promise<ServerProcess> {
  const settings = Object.entries(options.settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const command = [options.postgres, '-D', options.data, '-h', HOST, '-p', String(port), '-k', '', ...settings];
  const output = await open(log, 'a', 0o600);
  try {
    const child = spawn('/bin/sh', ['-c', GUARD, 'sh', ...command], {
      ...asUser(options.user),
      cwd: '/',
      env: POSTGRES_ENVIRONMENT,
      // A session of its own: Ctrl-C in the terminal is for us, and we end the server after the last query.
      detached: true,
      stdio: ['pipe', output.fd, output.fd],
    });
    return new ServerProcess(child);
  } finally {
    await output.close();
  }
}

class ServerProcess {
  ended = false;
  readonly spawnedAt = Date.now();
  private readonly end: Promise<void>;
  private stopping?: Promise<void>;

  constructor(private readonly child: ChildProcess) {
    this.end = new Promise((resolve) => {
      const onEnd = () => {
        this.ended = true;
        // Should the shell alone have been killed, its watcher still lives and ends the server now.
        child.stdin?.destroy();
        resolve();
      };
      child.once('exit', onEnd);
      child.once('error', onEnd);
    });
    child.stdin?.on('error', () => undefined);
  }

  /** Lets a script that forgot to stop end by itself; the pipe closes with it, and the server goes too. */
  release(): void {
    this.child.unref();
    (this.child.stdin as Socket | null)?.unref();
  }

  stop(): Promise<void> {
    return (this.stopping ??= this.shutDown());
  }

  private async shutDown(): Promise<void> {
    if (this.ended) return;
    this.child.ref();
    this.child.stdin?.destroy();
    const timer = setTimeout(() => {
      // The shell leads the group of the server and of nothing else. Backends notice and follow.
      if (this.child.pid !== undefined) process.kill(-this.child.pid, 'SIGKILL');
    }, STOP_LIMIT_MS);
    await this.end;
    clearTimeout(timer);
  }
}

async function untilReady(server: ServerProcess, data: string, port: number): Promise<'ready' | 'ended' | 'late'> {
  while (Date.now() - server.spawnedAt < START_LIMIT_MS) {
    if (server.ended) return 'ended';
    const lock = await readLock(data);
    // A killed server leaves its last word, "ready", behind.
    const isOurs = lock?.port === port && lock.startedAt >= Math.floor(server.spawnedAt / 1000) - 1;
    if (isOurs && lock.status === 'ready') return 'ready';
    await sleep(POLL_MS);
  }
  return 'late';
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

async function setAsideLongLog(log: string): Promise<void> {
  if ((await sizeOf(log)) > LOG_LIMIT_BYTES) await rename(log, `${log}.old`);
}

async function tail(log: string, from: number): Promise<string> {
  const file = await open(log);
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read({
      buffer: Buffer.alloc(LOG_TAIL_BYTES),
      position: Math.max(from, size - LOG_TAIL_BYTES),
    });
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}
