import { z } from 'zod';
import { display, email, flag, numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

const profile = z.object({ nickname: text, profile_image_url: text });

export const kakao = defineProvider({
  id: 'kakao',
  label: 'Kakao',
  consoleUrl: 'https://developers.kakao.com/console/app',
  referenceUrl: 'https://developers.kakao.com/docs/latest/en/kakaologin/rest-api',
  notes: [
    'The client ID is the REST API key.',
    'Each scope must be set up as a consent item; otherwise Kakao rejects the sign-in (KOE205). `account_email` needs a business app. Set KAKAO_SCOPES to the scopes that your application has.',
  ],
  scopes: ['profile_nickname', 'profile_image', 'account_email'],
  endpoints: {
    authorization_endpoint: 'https://kauth.kakao.com/oauth/authorize',
    token_endpoint: 'https://kauth.kakao.com/oauth/token',
    userinfo_endpoint: 'https://kapi.kakao.com/v2/user/me',
    // Parts the person and the application, not just a token.
    revocation_endpoint: 'https://kapi.kakao.com/v1/user/unlink',
  },
  reauthentication: 'prompt=login',
  // Without it, the address of the picture is http and cannot be shown.
  quirks: { userinfo: { query: { secure_resource: 'true' } }, revocation: 'bearer' },
  // The response to an unlink of a user who is not linked.
  tokenError: ({ code }) => (code === -101 ? 'invalid_token' : undefined),
  claims: z.object({
    id: numericSubject,
    kakao_account: z
      .object({ email, is_email_valid: flag, is_email_verified: flag, profile: display(profile) })
      .nullish(),
  }),
  toProfile: ({ id, kakao_account: account }) => ({
    subject: id,
    email: account?.email,
    // An address that is no longer valid has gone over to another account.
    emailVerified: account?.is_email_valid === true && account.is_email_verified,
    name: account?.profile?.nickname,
    pictureUrl: account?.profile?.profile_image_url,
  }),
});
