import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const dingtalk = defineProvider({
  id: 'dingtalk',
  label: 'DingTalk',
  consoleUrl: 'https://open-dev.dingtalk.com/',
  referenceUrl: 'https://open.dingtalk.com/document/isvapp/obtain-identity-credentials',
  notes: ['The application needs the personal permission `Contact.User.Read`.'],
  scopes: ['openid'],
  endpoints: {
    authorization_endpoint: 'https://login.dingtalk.com/oauth2/auth',
    token_endpoint: 'https://api.dingtalk.com/v1.0/oauth2/userAccessToken',
    userinfo_endpoint: 'https://api.dingtalk.com/v1.0/contact/users/me',
  },
  emails: 'unverified',
  prompt: 'consent', // Required, and the only value there is.
  quirks: {
    pkce: false,
    codeParameter: 'authCode',
    tokenRequestFormat: 'json',
    tokenHeaders: { 'x-acs-dingtalk-access-token': '{access_token}' },
    invalidGrantErrors: ['invalidParameter.authCode.notFound'],
  },
  tokenRequest({ client_id, client_secret, code, refresh_token, grant_type }) {
    const client = { clientId: client_id, clientSecret: client_secret };
    return { ...client, code, refreshToken: refresh_token, grantType: grant_type };
  },
  // An error has a `code`, such as `invalidParameter.authCode.notFound`.
  tokenResponse({ accessToken, refreshToken, expireIn, code, error }) {
    return { access_token: accessToken, refresh_token: refreshToken, expires_in: expireIn, error: code ?? error };
  },
  // With the HTTP status 400.
  userinfoError: ({ code }) => (code === 'InvalidAuthentication' ? 'invalid_token' : undefined),
  claims: z.object({ unionId: subject, nick: text, email, avatarUrl: text }),
  toProfile: ({ unionId, nick, email, avatarUrl }) => ({ subject: unionId, name: nick, email, pictureUrl: avatarUrl }),
});
