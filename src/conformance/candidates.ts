import { PlainError } from '../config/plain-error.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { loadProviders, openIdProviders } from '../providers/catalogue.js';
import { fixtureFile, readFixture } from './fixtures.js';
import type { Candidate } from './run.js';

/** One of OIDC_PROVIDERS, for all of them: they differ in their settings alone. */
export const ANY_OPENID_PROVIDER = { id: 'openid', label: 'OpenID' };

/** What comes with Gatehouse: the catalogue, and the provider that needs no code. */
export async function loadCheckedCatalogue(): Promise<readonly OAuthProvider[]> {
  return [...(await loadProviders()), ...openIdProviders([ANY_OPENID_PROVIDER])];
}

/** One of these providers. @throws PlainError for another one, and for one whose fixture is unusable */
export function candidateOf(id: string, catalogue: readonly OAuthProvider[]): Candidate {
  if (!catalogue.some((provider) => provider.id === id)) {
    const names = catalogue.map((provider) => provider.id).join(', ');
    throw new PlainError(`There is no provider "${id}". Those there are: ${names}.`);
  }
  return { id, fixture: readFixture(fixtureFile(id)) };
}
