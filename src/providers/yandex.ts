import { z } from 'zod';
import { email, flag, fullName, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const yandex = defineProvider({
  id: 'yandex',
  label: 'Yandex',
  consoleUrl: 'https://oauth.yandex.com/client/new',
  referenceUrl: 'https://yandex.com/dev/id/doc/en/codes/code-url',
  notes: ['Yandex rejects scopes that the application is not registered for.'],
  scopes: ['login:info', 'login:email', 'login:avatar'],
  endpoints: {
    authorization_endpoint: 'https://oauth.yandex.com/authorize',
    token_endpoint: 'https://oauth.yandex.com/token',
    userinfo_endpoint: 'https://login.yandex.ru/info',
    revocation_endpoint: 'https://oauth.yandex.com/revoke_token',
  },
  // Yandex revokes only tokens of a device. Gatehouse is one, for every user.
  authorizationParams: { device_id: 'gatehouse', device_name: 'Web' },
  emails: 'unverified',
  quirks: {
    invalidGrantErrors: ['bad_verification_code'],
    tokenHeaders: { authorization: 'OAuth {access_token}' },
    userinfo: { query: { format: 'json' } },
    revocation: 'access_token',
  },
  claims: z.object({
    id: subject,
    default_email: email,
    real_name: text,
    display_name: text,
    is_avatar_empty: flag,
    default_avatar_id: text,
  }),
  toProfile: ({ id, default_email, real_name, display_name, is_avatar_empty, default_avatar_id: avatar }) => ({
    subject: id,
    email: default_email,
    name: fullName(real_name) ?? display_name,
    pictureUrl: avatar && !is_avatar_empty ? `https://avatars.yandex.net/get-yapic/${avatar}/islands-200` : undefined,
  }),
});
