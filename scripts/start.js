/**
 * `npm start`: builds when there is no build or the sources are newer, then runs it in this very process,
 * so that a signal to it reaches Gatehouse.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));

function newest(folder) {
  const times = readdirSync(root + folder, { recursive: true }).map(
    (file) => statSync(`${root}${folder}/${file}`).mtimeMs,
  );
  return Math.max(...times);
}

function built() {
  try {
    return statSync(`${root}dist/.tsbuildinfo`).mtimeMs;
  } catch {
    return 0;
  }
}

if (built() < newest('src')) {
  console.log('Building ...');
  const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
  const { status } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
await import('../dist/main.js');
