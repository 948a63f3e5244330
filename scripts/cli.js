/** `npm run cli -- <command>`: builds if needed, says so on stderr, and leaves stdout to the command. */
import { buildIfNeeded } from './build.js';

buildIfNeeded();
await import('../dist/cli/main.js');
