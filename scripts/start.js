/** `npm start`: one process from here on, so that a signal to it reaches Gatehouse. */
import { buildIfNeeded } from './build.js';

buildIfNeeded();
await import('../dist/main.js');
