/**
 * Builds `src` into `dist` when there is no build or a source file is newer. What it says goes to stderr. An image has
 * the build without its sources.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const BUILD_INFO = `${root}dist/.tsbuildinfo`;

export function buildIfNeeded() {
  if (!existsSync(`${root}src`)) return;
  const sources = readdirSync(`${root}src`, { recursive: true }).map((file) => statSync(`${root}src/${file}`).mtimeMs);
  if (builtAt() >= Math.max(...sources)) return;
  console.error('Building ...');
  if (!existsSync(`${root}node_modules`)) {
    console.error('The packages are not installed. Run: npm ci');
    process.exit(1);
  }
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (status !== 0) process.exit(status ?? 1);
  // tsc leaves the file alone where only the times of the sources have changed, as after a checkout.
  const now = new Date();
  utimesSync(BUILD_INFO, now, now);
}

function builtAt() {
  try {
    return statSync(BUILD_INFO).mtimeMs;
  } catch {
    return 0;
  }
}
