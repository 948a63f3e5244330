import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const heroku = defineProvider({
  id: 'heroku',
  label: 'Heroku',
  consoleUrl: 'https://dashboard.heroku.com/account/applications',
  referenceUrl: 'https://devcenter.heroku.com/articles/oauth',
  notes: ['Gatehouse cannot revoke its access with the scope `identity`. Users can do this in their Heroku account.'],
  scopes: ['identity'],
  endpoints: {
    authorization_endpoint: 'https://id.heroku.com/oauth/authorize',
    token_endpoint: 'https://id.heroku.com/oauth/token',
    userinfo_endpoint: 'https://api.heroku.com/account',
  },
  emails: 'unverified',
  quirks: { headers: { accept: 'application/vnd.heroku+json; version=3' } },
  claims: z.object({ id: subject, email, name: text }),
  toProfile: ({ id, email, name }) => ({ subject: id, email, emailVerified: false, name }),
  tokenError({ id, message }) {
    if (id !== 'unauthorized') return undefined;
    // Of a wrong client secret it says "unauthorized" as well; no link must break because of that.
    return message === 'OAuth authorization invalid.' ? 'invalid_grant' : 'invalid_client';
  },
});
