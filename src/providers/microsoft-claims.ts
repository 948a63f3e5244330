import { z } from 'zod';
import { email, text } from '../oauth/claims.js';
import type { ProviderQuirks } from '../oauth/provider.js';

/** The claims of an id_token of Microsoft, for every tenant. `sub` differs between applications. */
export const microsoftClaims = z.object({
  tid: z.guid(),
  oid: z.guid(),
  email,
  /** Present only where the operator asks for it: any administrator of a tenant can write any address into it. */
  xms_edov: z
    .union([z.boolean(), z.number(), z.string()])
    .nullish()
    .transform((value) => value === true || value === 1 || value === '1' || value === 'true'),
  name: text,
  preferred_username: text,
});

type MicrosoftClaims = z.output<typeof microsoftClaims>;

/** The pair is the person in the tenant. */
export const microsoftProfile = ({ tid, oid, email, xms_edov, name, preferred_username }: MicrosoftClaims) => ({
  subject: `${tid}:${oid}`,
  email,
  emailVerified: xms_edov,
  name: name ?? preferred_username,
});

export const microsoftQuirks: ProviderQuirks = {
  // offline_access is never among the granted scopes; without it the next response has no refresh token.
  refreshParameters: { scope: '{scopes} offline_access' },
  // Userinfo is at Microsoft Graph: it has neither `tid` nor `oid`, and says less than the id_token.
  userinfo: { isAnonymous: true },
};
