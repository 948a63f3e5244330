import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const line = defineProvider({
  id: 'line',
  label: 'LINE',
  consoleUrl: 'https://developers.line.biz/console/',
  referenceUrl: 'https://developers.line.biz/en/reference/line-login/',
  notes: [
    'LINE returns an email address only to channels for which it has approved the email permission.',
    'The user ID differs between LINE providers. Do not move to a channel of another LINE provider: every user would be new.',
  ],
  scopes: ['openid', 'profile', 'email'],
  endpoints: {
    authorization_endpoint: 'https://access.line.me/oauth2/v2.1/authorize',
    token_endpoint: 'https://api.line.me/oauth2/v2.1/token',
    userinfo_endpoint: 'https://api.line.me/oauth2/v2.1/userinfo',
    revocation_endpoint: 'https://api.line.me/oauth2/v2.1/revoke',
    jwks_uri: 'https://api.line.me/oauth2/v2.1/certs',
  },
  emails: 'unverified',
  reauthentication: 'max_age',
  idToken: { issuers: ['https://access.line.me'], algorithms: ['ES256'], withoutUserinfo: true },
  quirks: {
    // Without it the id_token is signed with the channel secret (HS256).
    exchangeParameters: { id_token_key_type: 'JWK' },
    revocation: 'access_token',
  },
  claims: z.object({ sub: subject, name: text, picture: text, email }),
  toProfile({ sub, name, picture, email }) {
    return { subject: sub, email, emailVerified: false, name, pictureUrl: picture };
  },
});
