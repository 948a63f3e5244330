/** `npm run start:dev`: builds on every change and starts again. */
import './node-version.js';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.js';

buildIfNeeded();
const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const options = { stdio: 'inherit' };
const children = [
  spawn(process.execPath, [tsc, '-p', 'tsconfig.build.json', '--watch', '--preserveWatchOutput'], options),
  spawn(process.execPath, ['--watch-path=dist', 'dist/main.js'], options),
];
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => children.forEach((child) => child.kill(signal)));
}
