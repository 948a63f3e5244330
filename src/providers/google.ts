import { Strategy as GoogleStrategy } from 'passport-google-oauth20';
import type { Strategy } from 'passport';
import { z } from 'zod';
import { OAuthError } from '../oauth/oauth.errors.js';
import { OAuthGuard } from '../oauth/oauth.guard.js';
import { defineProvider } from '../oauth/provider.js';

/** https://developers.google.com/identity/openid-connect/reference */
export const google = defineProvider({
  id: 'google',
  label: 'Google',
  scopes: ['openid', 'email', 'profile'],
  endpoints: {
    authorization_endpoint: 'https://accounts.google.com/o/oauth2/v2/auth',
    token_endpoint: 'https://oauth2.googleapis.com/token',
    userinfo_endpoint: 'https://openidconnect.googleapis.com/v1/userinfo',
    revocation_endpoint: 'https://oauth2.googleapis.com/revoke',
    jwks_uri: 'https://www.googleapis.com/oauth2/v3/certs',
  },
  apiOrigins: [
    'https://www.googleapis.com',
    'https://people.googleapis.com',
    'https://gmail.googleapis.com',
    'https://sheets.googleapis.com',
    'https://docs.googleapis.com',
    'https://admin.googleapis.com',
  ],
  // Google documents both spellings and uses either.
  idToken: { issuers: ['https://accounts.google.com', 'accounts.google.com'] },
  // A refresh token comes only with offline access, and again only after a new consent.
  authorizationParams: ({ own }): Record<string, string> => ({
    access_type: 'offline',
    // A later sign-in asks for less than a feature did; the new tokens still carry what was granted for it.
    include_granted_scopes: 'true',
    ...(own.HOSTED_DOMAIN === undefined ? {} : { hd: own.HOSTED_DOMAIN }),
  }),
  prompt: 'consent',
  ownSettings: ['HOSTED_DOMAIN'],

  claims: z.object({
    sub: z.string().min(1).max(255),
    email: z.string().nullish(),
    email_verified: z.boolean().nullish(),
    name: z.string().nullish(),
    picture: z.string().nullish(),
    hd: z.string().nullish(),
  }),
  toProfile: ({ sub, email, email_verified, name, picture }) => ({
    subject: sub,
    email: email ?? undefined,
    emailVerified: email_verified === true,
    name: name ?? undefined,
    pictureUrl: picture ?? undefined,
  }),
  checkClaims({ hd }, { own }) {
    // The `hd` parameter only chooses what Google offers; only the verified claim says whose account it is.
    if (own.HOSTED_DOMAIN !== undefined && hd !== own.HOSTED_DOMAIN) {
      throw new OAuthError('hosted_domain_not_allowed', 'claims', 'another hosted domain, or none');
    }
  },
  createStrategy: (options, verify) => new GoogleStrategy(options as never, verify as never) as Strategy,
});

/** Begins a sign-in with Google on a route of your own: `@UseGuards(GoogleGuard)`. */
export const GoogleGuard = OAuthGuard('google');
