import { z } from 'zod';
import { email, flag, openIdName, openIdNames, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

/** Errors of the Web API for an access token that is dead, with the HTTP status 200. */
const DEAD_TOKEN = ['invalid_auth', 'token_expired', 'token_revoked', 'account_inactive'];

export const slack = defineProvider({
  id: 'slack',
  label: 'Slack',
  consoleUrl: 'https://api.slack.com/apps',
  referenceUrl: 'https://docs.slack.dev/authentication/sign-in-with-slack/',
  notes: [
    'Slack accepts only https redirect URIs, also in development.',
    'A user has a different subject in each workspace.',
    'Owners of a workspace decide which email addresses its members have. Set SLACK_TRUST_EMAILS=1 together with ' +
      'SLACK_TEAM if the workspace is yours.',
  ],
  scopes: ['openid', 'profile', 'email'],
  endpoints: {
    authorization_endpoint: 'https://slack.com/openid/connect/authorize',
    token_endpoint: 'https://slack.com/api/openid.connect.token',
    userinfo_endpoint: 'https://slack.com/api/openid.connect.userInfo',
    revocation_endpoint: 'https://slack.com/api/auth.revoke',
    jwks_uri: 'https://slack.com/openid/connect/keys',
  },
  settings: { TEAM: { meaning: 'id of the only workspace whose members can sign in', pattern: /^[A-Z0-9]{2,32}$/ } },
  emails: 'operator',
  idToken: { issuers: ['https://slack.com'] },
  authorizationParams: ({ own }): Record<string, string> => (own.TEAM === undefined ? {} : { team: own.TEAM }),
  quirks: {
    // Enabling PKCE at Slack makes the app a public client permanently; a client with a secret works without it.
    pkce: false,
    revocation: 'bearer',
    invalidGrantErrors: [
      ...['invalid_code', 'code_already_used', 'invalid_refresh_token'],
      // Of the access token, when it is revoked.
      ...DEAD_TOKEN,
    ],
    invalidClientErrors: ['bad_client_secret', 'invalid_client_id'],
  },
  userinfoError: ({ error }) => (DEAD_TOKEN.includes(String(error)) ? 'invalid_token' : undefined),
  claims: z.object({
    'https://slack.com/team_id': subject,
    'https://slack.com/user_id': subject,
    email,
    email_verified: flag,
    ...openIdNames,
    picture: text,
  }),
  toProfile: ({ email, email_verified, picture, ...claims }) => ({
    subject: `${claims['https://slack.com/team_id']}:${claims['https://slack.com/user_id']}`,
    email,
    emailVerified: email_verified,
    name: openIdName(claims),
    pictureUrl: picture,
  }),
  checkClaims(claims, { own }) {
    // The `team` parameter only chooses what Slack offers; the claim says whose account it is.
    if (own.TEAM !== undefined && claims['https://slack.com/team_id'] !== own.TEAM) {
      throw new OAuthError('hosted_domain_not_allowed', 'decision', 'an account of another workspace');
    }
  },
});
