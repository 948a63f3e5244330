/** The HEALTHCHECK of the image: exits with 0 if the server is ready, asked at the address that it listens on. */
import { get } from 'node:http';
import { readEnvironment } from '../dist/config/environment.js';

const { HOST = '', PORT = '' } = readEnvironment();
// As src/config reads it. A connection to 0.0.0.0 or :: goes to this machine.
const host = HOST.trim().replace(/^\[(.*)\]$/, '$1') || '0.0.0.0';

process.exitCode = 1;
get({ host, port: PORT.trim() || 3000, path: '/health/ready' }, (response) => {
  process.exit(response.statusCode === 200 ? 0 : 1);
}).on('error', () => process.exit(1));
