import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const battlenet = defineProvider({
  id: 'battlenet',
  label: 'Battle.net',
  consoleUrl: 'https://develop.battle.net/access/clients',
  referenceUrl: 'https://develop.battle.net/documentation/guides/using-oauth/authorization-code-flow',
  notes: [
    'Accounts in China are on other hosts: set BATTLENET_AUTHORIZATION_ENDPOINT and the other two to those of oauth.battlenet.com.cn.',
  ],
  scopes: ['openid'],
  endpoints: {
    authorization_endpoint: 'https://oauth.battle.net/authorize',
    token_endpoint: 'https://oauth.battle.net/token',
    userinfo_endpoint: 'https://oauth.battle.net/userinfo',
  },
  emails: 'none',
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({ sub: subject, battletag: text }),
  // A BattleTag can be changed; the subject is the permanent number of the account.
  toProfile: ({ sub, battletag }) => ({ subject: sub, name: battletag }),
});
