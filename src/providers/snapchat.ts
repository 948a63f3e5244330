import { z } from 'zod';
import { display, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

const SCOPE = 'https://auth.snapchat.com/oauth2/api/user';

export const snapchat = defineProvider({
  id: 'snapchat',
  label: 'Snapchat',
  consoleUrl: 'https://kit.snapchat.com/manage',
  referenceUrl: 'https://developers.snap.com/snap-kit/login-kit/Tutorials/web',
  notes: ['Until Snap has reviewed the application, only its demo users can sign in.'],
  scopes: [`${SCOPE}.external_id`, `${SCOPE}.display_name`, `${SCOPE}.bitmoji.avatar`],
  endpoints: {
    authorization_endpoint: 'https://accounts.snapchat.com/accounts/oauth2/auth',
    token_endpoint: 'https://accounts.snapchat.com/accounts/oauth2/token',
    userinfo_endpoint: 'https://kit.snapchat.com/v1/me',
    revocation_endpoint: 'https://accounts.snapchat.com/accounts/oauth2/revoke',
  },
  emails: 'none',
  quirks: {
    tokenEndpointAuthMethod: 'client_secret_basic',
    userinfo: { json: { query: '{ me { externalId displayName bitmoji { avatar } } }' } },
  },
  claims: z.object({
    data: z.object({
      me: z.object({ externalId: subject, displayName: text, bitmoji: display(z.object({ avatar: text })) }),
    }),
  }),
  // The external id is another one for each organization that registers applications.
  toProfile: ({ data: { me } }) => ({
    subject: me.externalId,
    name: me.displayName,
    pictureUrl: me.bitmoji?.avatar,
  }),
});
