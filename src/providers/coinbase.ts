import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const coinbase = defineProvider({
  id: 'coinbase',
  label: 'Coinbase',
  consoleUrl: 'https://portal.cdp.coinbase.com/',
  referenceUrl: 'https://docs.cdp.coinbase.com/coinbase-app/oauth2-integration/overview',
  scopes: ['wallet:user:read', 'wallet:user:email', 'offline_access'],
  endpoints: {
    authorization_endpoint: 'https://login.coinbase.com/oauth2/auth',
    token_endpoint: 'https://login.coinbase.com/oauth2/token',
    userinfo_endpoint: 'https://api.coinbase.com/v2/user',
    revocation_endpoint: 'https://login.coinbase.com/oauth2/revoke',
  },
  emails: 'unverified',
  claims: z.object({ data: z.object({ id: subject, name: text, email: text, avatar_url: text }) }),
  toProfile: ({ data: { id, name, email, avatar_url } }) => ({ subject: id, email, name, pictureUrl: avatar_url }),
});
