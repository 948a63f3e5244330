import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

/** A user access token that is invalid (20005, 99991668) or has expired (99991677). */
const DEAD_TOKEN: ReadonlySet<unknown> = new Set([20005, 99991668, 99991677]);

export const lark = defineProvider({
  id: 'lark',
  label: 'Lark',
  consoleUrl: 'https://open.larksuite.com/app',
  referenceUrl: 'https://open.larksuite.com/document/authentication-management/access-token/get-user-access-token',
  notes: [
    'For Feishu, the service in China, set the three LARK_\u2026_ENDPOINT variables to the hosts accounts.feishu.cn and open.feishu.cn.',
    'Lark reports an email address to applications with the permission contact:user.email:readonly.',
    'Refresh tokens have to be enabled in the security settings of the application.',
  ],
  scopes: ['offline_access'],
  endpoints: {
    authorization_endpoint: 'https://accounts.larksuite.com/open-apis/authen/v1/authorize',
    token_endpoint: 'https://open.larksuite.com/open-apis/authen/v2/oauth/token',
    userinfo_endpoint: 'https://open.larksuite.com/open-apis/authen/v1/user_info',
  },
  emails: 'unverified',
  quirks: { tokenRequestFormat: 'json' },
  userinfoError({ code }) {
    if (typeof code !== 'number' || code === 0) return undefined;
    return DEAD_TOKEN.has(code) ? 'invalid_token' : String(code);
  },
  claims: z.object({ data: z.object({ open_id: subject, name: text, en_name: text, avatar_url: text, email: text }) }),
  toProfile: ({ data: { open_id, name, en_name, avatar_url, email } }) => ({
    subject: open_id,
    email,
    name: name ?? en_name,
    pictureUrl: avatar_url,
  }),
});
