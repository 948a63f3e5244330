/**
 * `npm test`: the build (tests that start whole processes run it), then jest. Arguments go to jest:
 * `npm test -- test/sign-in`, `npm test -- --selectProjects unit`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.js';

buildIfNeeded();
const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const { status } = spawnSync(process.execPath, [...flags, jest, ...process.argv.slice(2)], { stdio: 'inherit' });
process.exit(status ?? 1);
