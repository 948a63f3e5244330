import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const reddit = defineProvider({
  id: 'reddit',
  label: 'Reddit',
  consoleUrl: 'https://www.reddit.com/prefs/apps',
  referenceUrl: 'https://github.com/reddit-archive/reddit/wiki/OAuth2',
  notes: ['Reddit must approve a new application before it can use the API. Apply early.'],
  scopes: ['identity'],
  endpoints: {
    authorization_endpoint: 'https://www.reddit.com/api/v1/authorize',
    token_endpoint: 'https://www.reddit.com/api/v1/access_token',
    userinfo_endpoint: 'https://oauth.reddit.com/api/v1/me',
    revocation_endpoint: 'https://www.reddit.com/api/v1/revoke_token',
  },
  settings: {
    USER_AGENT: {
      meaning: 'Who calls, as in `web:com.example.app:v1.0 (by /u/yourname)`; Reddit refuses calls that do not say it.',
      required: true,
      pattern: /^[\x20-\x7e]+$/,
    },
  },
  emails: 'none',
  authorizationParams: { duration: 'permanent' },
  // The fragment is `#_`.
  quirks: {
    appendsFragment: true,
    tokenEndpointAuthMethod: 'client_secret_basic',
    headers: { 'user-agent': '{USER_AGENT}' },
  },
  claims: z.object({ id: subject, name: text, icon_img: text }),
  // The query of the picture is escaped for HTML, and asks for nothing but a size.
  toProfile: ({ id, name, icon_img }) => ({
    subject: id,
    name,
    pictureUrl: icon_img?.split('?')[0],
  }),
  // A code that is dead is an `invalid_grant`, a refresh token that is dead `{"message":"Bad Request","error":400}`.
  tokenError: ({ error }) => (error === 400 ? 'invalid_grant' : undefined),
});
