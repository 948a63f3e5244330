/** `npm start`: one process from here on, so that a signal to it reaches Gatehouse. */
import './node-version.js';

// Without `await` at the top level, which an old Node cannot read.
import('./build.js').then(({ buildIfNeeded }) => buildIfNeeded()).then(() => import('../dist/main.js'));
