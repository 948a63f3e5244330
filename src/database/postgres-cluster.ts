/**
 * A Postgres cluster on disk: where it lies, and how it comes to be, once and whole.
 *
 *   <folder>/cluster/data       what initdb made; belongs to the user Postgres runs as
 *   <folder>/cluster/password   of the one role there is
 *   <folder>/server.log
 *   <folder>/new-…              a cluster in the making, or one that was killed in the making
 */
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  realpath,
  rename,
  rm,
  rmdir,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { makeFolder } from '../config/make-folder.js';
import { EmbeddedPostgresError } from './embedded-postgres.errors.js';
import type { PostgresBinaries } from './postgres-binaries.js';
import { assertOursAlone, type PostgresUser, run } from './postgres-user.js';

/** The one role of the cluster. It is its superuser, because tests make databases and migrations make extensions. */
export const ROLE = 'gatehouse';

const PASSWORD_BYTES = 32;
const NEW_PREFIX = 'new-';
const ELSEWHERE = '/var/tmp/gatehouse-';

export interface Cluster {
  readonly data: string;
  readonly password: string;
}

/** Opens the cluster in the folder, made by `placeFolder`; the first time, creates it. */
export async function openCluster(
  folder: string,
  binaries: PostgresBinaries,
  user: PostgresUser | undefined,
  noSync: boolean,
): Promise<Cluster> {
  const cluster = join(folder, 'cluster');
  if (!(await exists(cluster))) await createCluster(folder, cluster, binaries, user, noSync);
  const data = join(cluster, 'data');
  const [version, password] = await Promise.all([
    readFile(join(data, 'PG_VERSION'), 'utf8'),
    readFile(join(cluster, 'password'), 'utf8'),
  ]).catch((cause: unknown) => {
    const reason =
      (cause as NodeJS.ErrnoException).code === 'EACCES'
        ? 'was made by another user: start as that user'
        : 'is incomplete: put the missing file back';
    throw new EmbeddedPostgresError(`The database in ${folder} ${reason}, or delete it to begin afresh.`, { cause });
  });
  if (version.trim() !== binaries.major) {
    throw new EmbeddedPostgresError(
      `The database in ${folder} was made by PostgreSQL ${version.trim()} and this is ${binaries.major}: ` +
        'move it with pg_dump, or delete it to begin afresh.',
    );
  }
  return { data, password };
}

/** Everything happens beside the final place, and one rename makes it true: a killed initdb leaves only litter. */
async function createCluster(
  folder: string,
  cluster: string,
  binaries: PostgresBinaries,
  user: PostgresUser | undefined,
  noSync: boolean,
): Promise<void> {
  const staging = await mkdtemp(join(folder, NEW_PREFIX));
  const [data, password] = [join(staging, 'data'), join(staging, 'password')];
  try {
    await mkdir(data, { mode: 0o700 });
    await writeFile(password, randomBytes(PASSWORD_BYTES).toString('base64url'), { mode: 0o600 });
    if (user !== undefined) {
      await chmod(staging, 0o711);
      await chown(data, user.uid, user.gid);
      await chown(password, user.uid, user.gid);
    }
    const options = ['-D', data, '-U', ROLE, '-A', 'scram-sha-256', '--pwfile', password, '--no-instructions'];
    await run(binaries.initdb, [...options, ...localeOptions(), ...(noSync ? ['--no-sync'] : [])], user);
    await rename(staging, cluster);
  } catch (cause) {
    await removeCluster(staging, user);
    // Another start on the same folder was faster. It holds the cluster, which starting the server will say.
    if (await exists(cluster)) return;
    throw initdbError(folder, cause);
  }
}

/**
 * Postgres's own C.UTF-8 sorts and changes case alike on every machine. pg_trgm still asks the C library what a
 * letter is, and would skip every one beyond ASCII under C. macOS has no C.UTF-8; there the same is called UTF-8.
 */
function localeOptions(): string[] {
  const letters = process.platform === 'darwin' ? 'UTF-8' : 'C.UTF-8';
  return ['-E', 'UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C', '--lc-ctype', letters];
}

function initdbError(folder: string, cause: unknown): EmbeddedPostgresError {
  // Containers like to run under a number that /etc/passwd does not know. initdb insists on a name.
  if (String(cause).includes('could not look up effective user ID')) {
    return new EmbeddedPostgresError(
      `Postgres cannot create a database for user id ${process.getuid?.() ?? ''}, which has no name in /etc/passwd: ` +
        'start as a user with a name, or set DATABASE_URL to a Postgres of your own.',
      { cause },
    );
  }
  return new EmbeddedPostgresError(`Postgres could not create a database in ${folder}.`, { cause });
}

/** Removes what killed starts left behind. Only for whoever runs the server of this folder. */
export async function sweepFolder(folder: string, user: PostgresUser | undefined): Promise<void> {
  const litter = (await readdir(folder)).filter((name) => name.startsWith(NEW_PREFIX));
  for (const name of litter) await removeCluster(join(folder, name), user);
}

async function removeCluster(cluster: string, user: PostgresUser | undefined): Promise<void> {
  // Root must not walk a tree another user can change underneath it: a link in the right moment aims the deletion.
  if (user !== undefined) await run('rm', ['-rf', '--', join(cluster, 'data')], user).catch(() => undefined);
  await rm(cluster, { recursive: true, force: true });
}

/**
 * Makes the folder and returns where it really is. Under root it may lie where the user Postgres runs as cannot go
 * (a clone under /root, a 0700 parent): then it lies in /var/tmp, and a link stands where it was wanted.
 */
export async function placeFolder(wanted: string, user: PostgresUser | undefined): Promise<string> {
  makeFolder(dirname(resolve(wanted)));
  const place = join(await realpath(dirname(resolve(wanted))), basename(resolve(wanted)));
  const linked = user === undefined ? undefined : await folderElsewhere(place);
  if (linked !== undefined) return linked;

  const nearest = (await exists(place)) ? place : dirname(place);
  if (user !== undefined && !(await canEnter(nearest, user))) return moveElsewhere(place, user);
  await mkdir(place, { recursive: true });
  return realpath(place);
}

/** The folder in /var/tmp that an earlier start put a link to, if one did. */
async function folderElsewhere(place: string): Promise<string | undefined> {
  const folder = await readlink(place).catch(() => '');
  if (!folder.startsWith(ELSEWHERE)) return undefined;
  // A sweep of /var/tmp may have taken it, and then it begins afresh.
  await mkdir(folder, { recursive: true, mode: 0o711 });
  await assertOursAlone(folder);
  return folder;
}

async function moveElsewhere(place: string, user: PostgresUser): Promise<string> {
  const hash = createHash('sha256').update(place).digest('hex').slice(0, 16);
  const folder = await makeNewFolder(`${ELSEWHERE}${hash}`);
  try {
    // It may be there and empty. When it is not empty, the link fails.
    await rmdir(place).catch(() => undefined);
    await symlink(folder, place);
    return folder;
  } catch (cause) {
    await rmdir(folder);
    // Another start on the same folder was faster.
    const linked = await folderElsewhere(place);
    if (linked !== undefined) return linked;
    throw new EmbeddedPostgresError(
      `Postgres runs as user id ${user.uid} under root, which cannot enter ${place}: ` +
        'make every folder above it enterable (chmod o+x), or delete it to begin afresh.',
      { cause },
    );
  }
}

/**
 * A link that is gone was deleted with its folder, so what it pointed to must not come back as a new database, nor
 * be deleted: the link may have been moved along with the clone. Hence a number after a name that is taken.
 */
async function makeNewFolder(name: string): Promise<string> {
  for (let number = 1; ; number += 1) {
    const folder = number === 1 ? name : `${name}-${number}`;
    try {
      await mkdir(folder);
      await chmod(folder, 0o711);
      return folder;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

async function canEnter(folder: string, user: PostgresUser): Promise<boolean> {
  return run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], user).then(
    () => true,
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
