/**
 * Loaded into a measured process by `--import`: reports over HTTP, on METER_PORT of this machine, for how long its event
 * loop was blocked at most since the last request.
 */
import { createServer } from 'node:http';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const RESOLUTION_MS = 5;
const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
delay.enable();

createServer((_, response) => {
  response.end(String(delay.max / 1e6 - RESOLUTION_MS));
  delay.reset();
})
  .listen(Number(process.env.METER_PORT), '127.0.0.1')
  .unref();
