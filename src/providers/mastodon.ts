import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const mastodon = defineProvider({
  id: 'mastodon',
  label: 'Mastodon',
  consoleUrl: 'https://docs.joinmastodon.org/client/token/',
  referenceUrl: 'https://docs.joinmastodon.org/methods/oauth/',
  notes: [
    'Only users of one instance can sign in.',
    'Instances before version 4.3 do not support the default scope. Set MASTODON_SCOPES=read:accounts.',
  ],
  scopes: ['profile'],
  endpoints: {
    authorization_endpoint: 'https://{HOST}/oauth/authorize',
    token_endpoint: 'https://{HOST}/oauth/token',
    userinfo_endpoint: 'https://{HOST}/api/v1/accounts/verify_credentials',
    revocation_endpoint: 'https://{HOST}/oauth/revoke',
  },
  emails: 'none',
  settings: {
    HOST: {
      meaning: 'the instance, for example `mastodon.social`',
      required: true,
      pattern: /^[a-z0-9.-]+\.[a-z]{2,}$/,
    },
  },
  claims: z.object({ id: subject, username: text, display_name: text, avatar_static: text }),
  toProfile: ({ id, username, display_name, avatar_static }) => ({
    subject: id,
    name: display_name ?? username,
    pictureUrl: avatar_static,
  }),
});
