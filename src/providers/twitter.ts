import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const twitter = defineProvider({
  id: 'twitter',
  label: 'X',
  consoleUrl: 'https://developer.x.com/en/portal/dashboard',
  referenceUrl: 'https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code',
  notes: [
    'X charges for its API. Make sure that your plan includes `GET /2/users/me`, which every sign-in requests.',
    'X returns email addresses only to applications with "Request email from users" enabled. ' +
      'If yours has it, add `users.email` to the scopes: TWITTER_SCOPES="users.read tweet.read users.email offline.access".',
  ],
  // Without tweet.read, X rejects the userinfo request.
  scopes: ['users.read', 'tweet.read', 'offline.access'],
  endpoints: {
    authorization_endpoint: 'https://x.com/i/oauth2/authorize',
    token_endpoint: 'https://api.x.com/2/oauth2/token',
    userinfo_endpoint: 'https://api.x.com/2/users/me',
    revocation_endpoint: 'https://api.x.com/2/oauth2/revoke',
  },
  quirks: {
    tokenEndpointAuthMethod: 'client_secret_basic',
    userinfo: {
      query: (_accessToken, { scopes }) => ({
        'user.fields': `profile_image_url${scopes?.includes('users.email') ? ',confirmed_email' : ''}`,
      }),
    },
  },
  claims: z.object({
    data: z.object({ id: subject, name: text, username: text, profile_image_url: text, confirmed_email: email }),
  }),
  toProfile: ({ data: { id, name, username, profile_image_url, confirmed_email } }) => ({
    subject: id,
    email: confirmed_email,
    // X has the member only for an address that the person has confirmed.
    emailVerified: confirmed_email !== undefined,
    name: name ?? username,
    pictureUrl: profile_image_url,
  }),
  // X calls a dead code and a dead refresh token an invalid request, and says in words alone which of the two it was.
  tokenError: ({ error_description: words }) =>
    /^Value passed for the (authorization code|token) was invalid/.test(String(words)) ? 'invalid_grant' : undefined,
});
