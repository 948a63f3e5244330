/**
 * conformance: whether a provider does what its documentation says, and bears what providers do on a bad day.
 *
 *   fixture, fixtures      what one provider documents, as data: `fixtures/<id>.json`
 *   documented-provider    one provider that answers what its fixture says and nothing else   (request-comparison, messages)
 *   fake-provider          the server behind every address that the application calls while it is checked
 *   application, browser   the whole of Gatehouse, and the people who come to it
 *   *.checks, checks       what must be true, by theme; one suite for every provider
 *   run, report            the checks one after another, and what a person reads of them
 *
 * At the terminal: `npm run cli -- provider:check <id>`. In a test of a provider that lives in a package of its own:
 * this file, as `gatehouse/conformance`. Not here: what any particular provider documents.
 */
import type { OAuthProvider } from '../oauth/provider.js';
import { parseFixture } from './fixtures.js';
import { failuresOf } from './report.js';
import { ConformanceKit, type ProviderResult } from './run.js';
import { withThrowawayDatabase } from './throwaway-database.js';

export type { CheckResult, ProviderResult } from './run.js';
export { failuresOf, report } from './report.js';

/**
 * Runs a provider through every check.
 *
 * @param fixture what stands in its fixture file
 * @param databaseUrl a Postgres database of its own: the people in it are deleted; one in a temporary folder otherwise
 * @throws PlainError for a fixture that is none
 */
export async function checkProvider<Claims>(
  provider: OAuthProvider<Claims>,
  fixture: unknown,
  { databaseUrl }: { readonly databaseUrl?: string } = {},
): Promise<ProviderResult & { readonly failures: readonly string[] }> {
  const candidate = { id: provider.id, fixture: parseFixture(fixture, `The fixture of "${provider.id}"`) };
  const check = async (url: string) => {
    const kit = await ConformanceKit.start({
      databaseUrl: url,
      catalogue: [provider],
      candidates: [candidate],
    });
    try {
      const result = await kit.check(candidate);
      return { ...result, failures: failuresOf(result) };
    } finally {
      await kit.stop();
    }
  };
  return databaseUrl === undefined ? withThrowawayDatabase(check) : check(databaseUrl);
}
