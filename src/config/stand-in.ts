import { isLocalDatabase } from './database-address.js';
import type { Environment } from './environment.js';
import type { Problem } from './settings.js';
import { isLoopback } from './web-address.js';

/**
 * Why the stand-in must not play Google here. It lets every visitor sign in as every test user, the administrator Ada
 * among them, so only this machine may get to it, and only to data of this machine. NODE_ENV alone does not show that:
 * a proxy on the same machine makes a development start public.
 */
export function standInProblems(
  { host, baseAddress, databaseUrl }: { host: string; baseAddress: URL; databaseUrl: string | undefined },
  { PGHOST }: Environment,
): Problem[] {
  const reach = [
    { setting: 'BASE_URL', isLocal: isLoopback(baseAddress.hostname), needed: 'a loopback address, such as http://localhost:3000,' }, // prettier-ignore
    { setting: 'HOST', isLocal: isLoopback(host), needed: 'a loopback address' },
    { setting: 'DATABASE_URL', isLocal: databaseUrl === undefined || isLocalDatabase(databaseUrl, PGHOST), needed: 'a database on this machine, or left out,' }, // prettier-ignore
  ];
  return reach
    .filter(({ isLocal }) => !isLocal)
    .map(({ setting, needed }) => ({
      setting,
      message:
        `must be ${needed} because no provider is configured: then a stand-in plays Google, where every visitor can ` +
        'sign in as an administrator. Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET, or those of another provider',
    }));
}
