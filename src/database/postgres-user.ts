/**
 * Whom the embedded Postgres runs as, and what that user may be trusted with. Postgres refuses to run as root,
 * so under root its programs run as another user; everybody else runs them as themselves.
 */
import { execFile } from 'node:child_process';
import { lstat, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { EmbeddedPostgresError } from './embedded-postgres.errors.js';

export interface PostgresUser {
  readonly uid: number;
  readonly gid: number;
}

/**
 * Not our own environment: it holds the secrets of the application, PGPORT and PGDATA would steer the server, and
 * LD_LIBRARY_PATH would give it other libraries. Without LC_ALL the server refuses to start on macOS.
 */
export const POSTGRES_ENVIRONMENT = { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

/** Long enough for initdb on a slow disk; nothing else run here takes a second. */
const RUN_LIMIT_MS = 120_000;

/**
 * The user Postgres runs as when we are root, otherwise undefined. Data that belongs to somebody keeps its owner:
 * `sudo npm start` once must not lock a person out of their own database.
 */
export async function postgresUser(data: string): Promise<PostgresUser | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  const owner = await stat(data).catch(() => undefined);
  if (owner !== undefined && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  return nobody();
}

async function nobody(): Promise<PostgresUser> {
  const users = await readFile('/etc/passwd', 'utf8').catch(() => '');
  const [, uid, gid] = /^nobody:[^:]*:(-?\d+):(-?\d+):/m.exec(users) ?? [];
  if (uid === undefined || gid === undefined) {
    throw new EmbeddedPostgresError(
      'Postgres refuses to run as root, and this machine has no user "nobody" to run it as: ' +
        'start as an ordinary user, or set DATABASE_URL to a Postgres of your own.',
    );
  }
  // macOS writes -2; chown wants the unsigned spelling.
  return { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
}

/** The identity as spawn wants it: signed, the other way round from chown. Node drops root's groups with it. */
export function asUser(user: PostgresUser | undefined): { uid?: number; gid?: number } {
  return user === undefined ? {} : { uid: user.uid | 0, gid: user.gid | 0 };
}

/** Runs a program to its end and returns what it printed. Rejects, with what it said, when it fails. */
export async function run(program: string, args: readonly string[], user?: PostgresUser): Promise<string> {
  // The user may not be allowed to stand in our working directory.
  const options = { ...asUser(user), cwd: '/', env: POSTGRES_ENVIRONMENT, timeout: RUN_LIMIT_MS };
  return (await promisify(execFile)(program, args, options)).stdout;
}

/**
 * Throws unless the folder is a real one that only we can change. /var/tmp is open to everybody, so another user
 * may have put a folder or a link with our name there first, to have us run their program or fill their folder.
 */
export async function assertOursAlone(folder: string): Promise<void> {
  const [own, parent, uid] = [await lstat(folder), await lstat(dirname(folder)), process.getuid?.()];
  const writableByOthers = 0o022;
  const sticky = 0o1000;
  const parentIsSafe =
    (parent.uid === 0 || parent.uid === uid) &&
    ((parent.mode & writableByOthers) === 0 || (parent.mode & sticky) !== 0);
  if (!parentIsSafe || !own.isDirectory() || own.uid !== uid || (own.mode & writableByOthers) !== 0) {
    throw new EmbeddedPostgresError(`${folder} was not made by this user alone and is not trusted: delete it.`);
  }
}
