import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const weibo = defineProvider({
  id: 'weibo',
  label: 'Weibo',
  consoleUrl: 'https://open.weibo.com/apps',
  referenceUrl: 'https://open.weibo.com/wiki/%E6%8E%88%E6%9D%83%E6%9C%BA%E5%88%B6%E8%AF%B4%E6%98%8E',
  notes: [
    'The client ID is the App Key, the client secret the App Secret.',
    'Until Weibo has reviewed the application, only its registered test users can sign in.',
  ],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://api.weibo.com/oauth2/authorize',
    token_endpoint: 'https://api.weibo.com/oauth2/access_token',
    userinfo_endpoint: 'https://api.weibo.com/2/users/show.json',
    revocation_endpoint: 'https://api.weibo.com/oauth2/revokeoauth2',
  },
  emails: 'none',
  quirks: {
    scopeSeparator: ',',
    pkce: false,
    // Userinfo shows any user; the token response says which one has signed in.
    keptDetails: ['uid'],
    tokenHeaders: { authorization: 'OAuth2 {access_token}' },
    userinfo: { query: { uid: '{uid}' } },
    revocation: { access_token: '{access_token}' },
  },
  // With the HTTP status 403.
  userinfoError({ error }) {
    return error === 'expired_token' || error === 'invalid_access_token' ? 'invalid_token' : undefined;
  },
  claims: z.object({ idstr: subject, screen_name: text, avatar_large: text }),
  toProfile: ({ idstr, screen_name, avatar_large }) => ({
    subject: idstr,
    name: screen_name,
    pictureUrl: avatar_large,
  }),
});
