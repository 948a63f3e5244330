/**
 * `npm test`: the build (tests that start whole processes run it), then jest. Without arguments everything: what gets
 * along side by side, then what needs the machine for itself. Arguments go to jest:
 * `npm test -- test/sign-in`, `npm test -- --selectProjects unit`.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { buildIfNeeded } from './build.js';

buildIfNeeded();
const jest = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
const flags = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
const given = process.argv.slice(2);
const runs =
  given.length > 0
    ? [given]
    : [
        ['--ignoreProjects', 'alone'],
        ['--selectProjects', 'alone', '--runInBand'],
      ];

const statuses = runs.map(
  (run) => spawnSync(process.execPath, [...flags, jest, ...run], { stdio: 'inherit' }).status ?? 1,
);
process.exit(Math.max(...statuses));
