import { Strategy as GoogleStrategy } from 'passport-google-oauth20';
import type { Strategy } from 'passport';
import { z } from 'zod';
import { canonicalDomain, emailDomain } from '../config/domain.js';
import { email, flag, openIdName, openIdNames, strictText, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const google = defineProvider({
  id: 'google',
  label: 'Google',
  consoleUrl: 'https://console.cloud.google.com/apis/credentials',
  referenceUrl: 'https://developers.google.com/identity/openid-connect/reference',
  notes: [
    'A personal Google account can have a verified email address of a company, and keeps it after the user has left the ' +
      'company. If ALLOWED_EMAIL_DOMAINS limits sign-in to an organization, set GOOGLE_REQUIRE_HOSTED_DOMAIN=1 as well: ' +
      'then only accounts of a Google Workspace with one of these domains can sign in.',
  ],
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
  settings: {
    HOSTED_DOMAIN: {
      meaning: 'only accounts whose verified `hd` claim equals it; one domain',
      canonical: emailDomain,
      // By itself, ALLOWED_EMAIL_DOMAINS restricts the address: that of an organization can have another domain.
      conflict: (domain, { own, allowedEmailDomains }) =>
        own.REQUIRE_HOSTED_DOMAIN !== '1' || allowedEmailDomains.length === 0 || allowedEmailDomains.includes(domain)
          ? undefined
          : 'is not one of ALLOWED_EMAIL_DOMAINS, so with GOOGLE_REQUIRE_HOSTED_DOMAIN=1 no user could sign in',
    },
    REQUIRE_HOSTED_DOMAIN: {
      meaning: '`1`: with `ALLOWED_EMAIL_DOMAINS`, only accounts whose verified `hd` claim is one of them',
      pattern: /^[01]$/,
      needs: 'ALLOWED_EMAIL_DOMAINS',
    },
  },
  claims: z.object({
    sub: subject,
    email,
    email_verified: flag,
    ...openIdNames,
    picture: text,
    hd: strictText,
  }),
  toProfile: ({ sub, email, email_verified, picture, ...names }) => ({
    subject: sub,
    email,
    emailVerified: email_verified,
    name: openIdName(names),
    pictureUrl: picture,
  }),
  checkClaims({ hd }, { own, allowedEmailDomains }) {
    // The `hd` parameter only chooses what Google offers; only the verified claim says whose account it is.
    if (own.HOSTED_DOMAIN !== undefined && canonicalDomain(hd ?? '') !== own.HOSTED_DOMAIN) {
      throw new OAuthError('hosted_domain_not_allowed', 'decision', 'another hosted domain, or none');
    }
    // A personal Google account can have a verified address of a company, and keep it after its owner has left.
    if (own.REQUIRE_HOSTED_DOMAIN === '1' && !allowedEmailDomains.includes(canonicalDomain(hd ?? '') ?? '')) {
      throw new OAuthError('hosted_domain_not_allowed', 'decision', 'no hosted domain that is allowed');
    }
  },
  createStrategy: (options, verify) => new GoogleStrategy(options as never, verify as never) as Strategy,
});
