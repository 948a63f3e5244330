/** `npm run bench -- <name>`: one measurement, bounded in count and time, on this machine alone. */
import { isolation } from './isolation.js';
import { largeUser } from './large-user.js';
import { listing } from './listing.js';
import { rateLimits } from './rate-limits.js';

const MEASUREMENTS: Readonly<Record<string, () => Promise<boolean>>> = {
  isolation,
  'large-user': largeUser,
  listing,
  'rate-limits': rateLimits,
};

const measure = MEASUREMENTS[process.argv[2] ?? ''];
if (!measure) {
  console.error(`Usage: npm run bench -- ${Object.keys(MEASUREMENTS).join('|')}`);
  process.exit(2);
}
process.exit((await measure()) ? 0 : 1);
