import type { ProviderRegistry } from '../oauth/provider.registry.js';

/** From so many doors on a page names each provider once and leaves "Sign in with" to the ear: nobody reads a wall. */
const MANY_DOORS = 6;

export interface SignInLink {
  readonly id: string;
  readonly label: string;
  readonly signInUrl: string;
}

/** The same on a page. */
export interface Door extends SignInLink {
  readonly mark: string | undefined;
  /** False while the provider does not answer. The link stays: only somebody who tries finds out that it is back. */
  readonly available: boolean;
}

export interface Doors {
  readonly providers: readonly Door[];
  readonly many: boolean;
  readonly standIn: boolean;
}

/**
 * A link per configured provider, as the home page, the chooser and the API show them.
 *
 * They stand in the order in which the registry took them in: the catalogue's, then what the operator and the
 * extensions add, each in the order of its list. An environment has no order that could be kept, and a door that is
 * closed for an hour stays where it is, because people come back to the place and not to the name.
 */
export function signInLinks(registry: ProviderRegistry, returnTo = '/'): Doors {
  const query = returnTo === '/' ? '' : `?${new URLSearchParams({ returnTo }).toString()}`;
  const providers = registry.list().map(({ id, label, provider, isAvailable }) => ({
    id,
    label,
    signInUrl: `/${id}${query}`,
    mark: provider.mark,
    available: isAvailable,
  }));
  return { providers, many: providers.length >= MANY_DOORS, standIn: registry.hasStandIn };
}
