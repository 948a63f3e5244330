import { z } from 'zod';
import { email, numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const mailchimp = defineProvider({
  id: 'mailchimp',
  label: 'Mailchimp',
  consoleUrl: 'https://admin.mailchimp.com/account/oauth2/',
  referenceUrl: 'https://mailchimp.com/developer/marketing/guides/access-user-data-oauth-2/',
  notes: [
    'Mailchimp has no scopes: a token has access to the whole account.',
    'In development, Mailchimp accepts `http://127.0.0.1` as the redirect URI, but not `http://localhost`.',
  ],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://login.mailchimp.com/oauth2/authorize',
    token_endpoint: 'https://login.mailchimp.com/oauth2/token',
    userinfo_endpoint: 'https://login.mailchimp.com/oauth2/metadata',
  },
  emails: 'unverified',
  quirks: { pkce: false, tokenHeaders: { authorization: 'OAuth {access_token}' } },
  // A lifetime of 0 means that the token never expires.
  tokenResponse: ({ expires_in, ...response }) => (expires_in === 0 ? response : { ...response, expires_in }),
  // `user_id` is the account, which several users can share; `login_id` is the user.
  claims: z.object({ login: z.object({ login_id: numericSubject, login_name: text, email, avatar: text }) }),
  toProfile: ({ login: { login_id, login_name, email, avatar } }) => ({
    subject: login_id,
    email,
    name: login_name,
    pictureUrl: avatar,
  }),
});
