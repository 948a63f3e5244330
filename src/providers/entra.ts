import { z } from 'zod';
import { text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

/** As what the claim that vouches for an address has been seen. */
const YES: ReadonlySet<unknown> = new Set([true, 1, '1', 'true']);

export const entra = defineProvider({
  id: 'entra',
  label: 'Microsoft Entra ID',
  docs: {
    console: 'https://entra.microsoft.com/',
    reference: 'https://learn.microsoft.com/en-us/entra/identity-platform/v2-protocols-oidc',
  },
  notes: [
    'The issuer is `https://login.microsoftonline.com/<tenant id>/v2.0`, with the id of the tenant and not its domain.',
    'An address counts as verified only where the optional claim `xms_edov` is in the ID token: add it to the application.',
  ],
  scopes: ['openid', 'email', 'profile', 'offline_access'],
  idToken: {},
  quirks: { refreshParameters: { scope: '{scopes}' } },
  // `sub` is another one for every application; the pair is the person in the tenant.
  claims: z.object({ tid: z.guid(), oid: z.guid(), email: text, name: text, xms_edov: z.unknown().optional() }),
  toProfile: ({ tid, oid, email, name, xms_edov }) => ({
    subject: `${tid}:${oid}`,
    email,
    // Any administrator of a tenant can write any address into it.
    emailVerified: YES.has(xms_edov),
    name,
  }),
});
