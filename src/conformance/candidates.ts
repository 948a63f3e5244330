import { PlainError } from '../config/plain-error.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { withOpenIdProviders } from '../providers/catalogue.js';
import { fixtureFile, readFixture } from './fixtures.js';
import type { Candidate } from './run.js';

/** One of OIDC_PROVIDERS, for all of them: they differ in their settings alone. */
export const ANY_OPENID_PROVIDER = { id: 'openid', label: 'OpenID' };

/** What comes with Gatehouse: the catalogue, and the provider that needs no code. */
export const CHECKED_CATALOGUE: readonly OAuthProvider[] = withOpenIdProviders([ANY_OPENID_PROVIDER]);

/** A provider that came with Gatehouse. @throws PlainError for another one, and for one whose fixture is unusable */
export function candidateOf(id: string): Candidate {
  if (!CHECKED_CATALOGUE.some((provider) => provider.id === id)) {
    const names = CHECKED_CATALOGUE.map((provider) => provider.id).join(', ');
    throw new PlainError(`There is no provider "${id}". Those there are: ${names}.`);
  }
  return { id, fixture: readFixture(fixtureFile(id)) };
}
