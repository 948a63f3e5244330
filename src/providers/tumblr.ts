import { z } from 'zod';
import { flag, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const tumblr = defineProvider({
  id: 'tumblr',
  label: 'Tumblr',
  consoleUrl: 'https://www.tumblr.com/oauth/apps',
  referenceUrl: 'https://www.tumblr.com/docs/en/api/v2#oauth2-authorization',
  scopes: ['basic', 'offline_access'],
  endpoints: {
    authorization_endpoint: 'https://www.tumblr.com/oauth2/authorize',
    token_endpoint: 'https://api.tumblr.com/v2/oauth2/token',
    userinfo_endpoint: 'https://api.tumblr.com/v2/user/info',
  },
  emails: 'none',
  claims: z.object({
    response: z.object({
      user: z.object({ name: text, blogs: z.array(z.object({ uuid: text, primary: flag })) }),
    }),
  }),
  toProfile({ response: { user } }) {
    // The name of a user can change. The primary blog is created with the user and stays.
    const [blog, ...others] = user.blogs.filter(({ primary }) => primary);
    return { subject: others.length === 0 ? (blog?.uuid ?? '') : '', name: user.name };
  },
});
