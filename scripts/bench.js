/** `npm run bench -- isolation`: the build, the measurements compiled beside it in dist/bench, then the one named. */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.js';

buildIfNeeded();
const root = fileURLToPath(new URL('..', import.meta.url));
const run = (...command) => spawnSync(process.execPath, command, { cwd: root, stdio: 'inherit' }).status ?? 1;
const compiled = run('node_modules/typescript/bin/tsc', '-p', 'bench/tsconfig.json');
process.exit(compiled || run('dist/bench/bench/main.js', ...process.argv.slice(2)));
