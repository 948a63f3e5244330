import { z } from 'zod';
import { email, openIdName, openIdNames, subject, text } from './claims.js';
import { defineProvider, type OAuthProvider } from './provider.js';

/** The claims of OpenID Connect Core §5.1 that we use. */
export const openIdClaims = z.object({
  sub: subject,
  email,
  // Servers of this kind send it as text or number as well. That is no word we take, and no reason to lock people out.
  email_verified: z
    .unknown()
    .optional()
    .transform((value) => value === true),
  ...openIdNames,
  preferred_username: text,
  picture: text,
});

export type OpenIdClaims = z.output<typeof openIdClaims>;

/** What differs from one OpenID provider to the next. */
type OpenIdFacts = Pick<OAuthProvider, 'id' | 'label'> & Partial<OAuthProvider<OpenIdClaims>>;

/**
 * An OpenID provider with the standard's claims. Unless its facts say otherwise it describes itself (OpenID Connect
 * Discovery), its issuer is the operator's to name, and so is the trust in the addresses it calls verified.
 */
export function openIdProvider(facts: OpenIdFacts): OAuthProvider<OpenIdClaims> {
  return defineProvider<OpenIdClaims>({
    scopes: ['openid', 'email', 'profile'],
    emails: 'operator',
    idToken: { algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'] },
    claims: openIdClaims,
    toProfile: ({ sub, email, email_verified, preferred_username, picture, ...names }) => ({
      subject: sub,
      email,
      emailVerified: email_verified,
      name: openIdName(names) ?? preferred_username,
      pictureUrl: picture,
    }),
    ...facts,
  });
}
