/**
 * The store of the rate limits under a flood from a million addresses: what one request costs in it, and what memory it
 * holds in the end.
 *
 *   npm run bench -- rate-limits
 */
import { performance } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { clientNetwork } from '../src/config/ip-address.js';
import { RequestCounts } from '../src/ops/request-counts.js';

const ADDRESSES = 1_000_000;
const MEGABYTE = 1024 * 1024;
/** What the store can hold at most. */
const HIGHEST_MEGABYTES = 64;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function heldMegabytes(): number {
  collectGarbage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return (heapUsed + external + arrayBuffers) / MEGABYTE;
}

export function rateLimits(): Promise<boolean> {
  const before = heldMegabytes();
  const counts = new RequestCounts();
  const empty = heldMegabytes() - before;
  const begun = performance.now();
  for (let index = 0; index < ADDRESSES; index++) {
    const address = `2001:db8:${(index >> 16).toString(16)}:${(index & 0xffff).toString(16)}::1`;
    counts.add(`sign-ins ${clientNetwork(address)}`);
  }
  const microseconds = ((performance.now() - begun) * 1000) / ADDRESSES;
  const held = heldMegabytes() - before;
  console.log(`empty: ${empty.toFixed(1)} MB`);
  console.log(
    `after ${ADDRESSES} addresses: ${counts.size} keys, ${held.toFixed(1)} MB, ${microseconds.toFixed(2)} us each`,
  );
  return Promise.resolve(held < HIGHEST_MEGABYTES);
}
