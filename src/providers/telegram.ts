import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const telegram = defineProvider({
  id: 'telegram',
  label: 'Telegram',
  consoleUrl: 'https://t.me/BotFather',
  referenceUrl: 'https://core.telegram.org/bots/telegram-login',
  notes: [
    'BotFather shows the client ID and the client secret under Bot Settings, Web Login; register the redirect URI there too. The secret is not the token of the bot.',
    'The subject is the `sub` of the id_token and not the id by which the Bot API names the user.',
  ],
  scopes: ['openid', 'profile'],
  endpoints: {
    authorization_endpoint: 'https://oauth.telegram.org/auth',
    token_endpoint: 'https://oauth.telegram.org/token',
    jwks_uri: 'https://oauth.telegram.org/.well-known/jwks.json',
  },
  emails: 'none',
  // BotFather offers these algorithms, RS256 unless changed there.
  idToken: { issuers: ['https://oauth.telegram.org'], algorithms: ['RS256', 'ES256', 'EdDSA'], withoutUserinfo: true },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic', exchangeParameters: { client_id: '{client_id}' } },
  claims: z.object({ sub: subject, name: text, preferred_username: text, picture: text }),
  toProfile({ sub, name, preferred_username, picture }) {
    return { subject: sub, name: name ?? preferred_username, pictureUrl: picture };
  },
});
