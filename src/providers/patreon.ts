import { z } from 'zod';
import { email, flag, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const patreon = defineProvider({
  id: 'patreon',
  label: 'Patreon',
  consoleUrl: 'https://www.patreon.com/portal/registration/register-clients',
  referenceUrl: 'https://docs.patreon.com/#oauth',
  scopes: ['identity', 'identity[email]'],
  endpoints: {
    authorization_endpoint: 'https://www.patreon.com/oauth2/authorize',
    token_endpoint: 'https://www.patreon.com/api/oauth2/token',
    userinfo_endpoint: 'https://www.patreon.com/api/oauth2/v2/identity',
  },
  // JSON:API: a field that is not asked for by name does not come.
  quirks: { userinfo: { query: { 'fields[user]': 'email,full_name,image_url,is_email_verified' } } },
  claims: z.object({
    data: z.object({
      id: subject,
      attributes: z.object({ email, full_name: text, image_url: text, is_email_verified: flag }),
    }),
  }),
  toProfile({ data: { id, attributes } }) {
    const { email, full_name, image_url, is_email_verified } = attributes;
    return { subject: id, email, emailVerified: is_email_verified, name: full_name, pictureUrl: image_url };
  },
});
