import { describe, expect, it } from '@jest/globals';
import type { ProviderRegistry } from '../oauth/provider.registry.js';
import { ProvidersApi } from './providers.api.js';
import { signInLinks } from './sign-in-links.js';

/** A registry of these providers, as far as links ask it. */
function registryOf(
  ...providers: { id: string; label: string; mark?: string; isAvailable?: boolean }[]
): ProviderRegistry {
  const list = providers.map(({ id, label, mark, isAvailable = true }) => ({
    id,
    label,
    provider: { id, label, mark },
    isAvailable,
  }));
  return { list: () => list, hasStandIn: false } as unknown as ProviderRegistry;
}

const google = { id: 'google', label: 'Google', mark: 'M0 0h24' };
const acme = { id: 'acme', label: 'Acme' };

describe('sign-in links', () => {
  it('keep the order of the registry and name every member, a missing mark too', () => {
    expect(signInLinks(registryOf(google, acme)).providers).toStrictEqual([
      { id: 'google', label: 'Google', signInUrl: '/google', mark: 'M0 0h24', available: true },
      { id: 'acme', label: 'Acme', signInUrl: '/acme', mark: undefined, available: true },
    ]);
  });

  it('stay where they are while a provider does not answer, and say so', () => {
    const { providers } = signInLinks(registryOf({ ...google, isAvailable: false }, acme));
    expect(providers.map(({ id, available }) => ({ id, available }))).toEqual([
      { id: 'google', available: false },
      { id: 'acme', available: true },
    ]);
  });

  it('carry where people want to go', () => {
    const [link] = signInLinks(registryOf(google), '/account?tab=1').providers;
    expect(link?.signInUrl).toBe('/google?returnTo=%2Faccount%3Ftab%3D1');
  });

  it.each([
    [1, false],
    [5, false],
    [6, true],
    [14, true],
  ])('%i of them: many is %s', (count, many) => {
    const providers = Array.from({ length: count }, (_, index) => ({ id: `p${index}`, label: `P ${index}` }));
    expect(signInLinks(registryOf(...providers)).many).toBe(many);
  });
});

describe('GET /api/providers', () => {
  it('tells id, label and address, and nothing of how a page draws them', () => {
    expect(new ProvidersApi(registryOf(google)).list()).toStrictEqual([
      { id: 'google', label: 'Google', signInUrl: '/google' },
    ]);
  });
});
