/** `npm run cli -- <command>`: builds if needed, says so on stderr, and leaves stdout to the command. */
import './node-version.js';

// Without `await` at the top level, which an old Node cannot read.
import('./build.js').then(({ buildIfNeeded }) => buildIfNeeded()).then(() => import('../dist/cli/main.js'));
