import type { ProviderRegistry } from '../oauth/provider.registry.js';

export interface SignInLink {
  readonly id: string;
  readonly label: string;
  readonly signInUrl: string;
}

/** A link per configured provider, as the home page, the chooser and the API show them. */
export function signInLinks(
  registry: ProviderRegistry,
  returnTo = '/',
): { providers: readonly SignInLink[]; standIn: boolean } {
  const query = returnTo === '/' ? '' : `?${new URLSearchParams({ returnTo }).toString()}`;
  const providers = registry.list().map(({ id, label }) => ({ id, label, signInUrl: `/${id}${query}` }));
  return { providers, standIn: registry.hasStandIn };
}
