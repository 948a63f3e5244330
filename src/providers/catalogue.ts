import { openIdProvider } from '../oauth/openid-provider.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { google } from './google.js';
import { spotify } from './spotify.js';

/** THE LIST: every provider that comes with Gatehouse. One exists in an installation when it is configured there. */
export const CATALOGUE = [google, spotify] as readonly OAuthProvider[];

/** The list with the providers that need no code: those of OIDC_PROVIDERS. */
export function withOpenIdProviders(named: readonly { id: string; label: string }[]): readonly OAuthProvider[] {
  return [...CATALOGUE, ...named.map((facts) => openIdProvider(facts) as OAuthProvider)];
}
