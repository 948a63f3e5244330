import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const todoist = defineProvider({
  id: 'todoist',
  label: 'Todoist',
  consoleUrl: 'https://developer.todoist.com/appconsole.html',
  referenceUrl: 'https://developer.todoist.com/api/v1/#tag/Authorization',
  scopes: ['data:read'],
  endpoints: {
    authorization_endpoint: 'https://app.todoist.com/oauth/authorize',
    token_endpoint: 'https://api.todoist.com/oauth/access_token',
    userinfo_endpoint: 'https://api.todoist.com/api/v1/user',
  },
  emails: 'unverified',
  quirks: {
    scopeSeparator: ',',
    invalidGrantErrors: ['bad_authorization_code'],
    invalidClientErrors: ['incorrect_application_credentials'],
  },
  claims: z.object({ id: subject, email: text, full_name: text, avatar_big: text }),
  toProfile: ({ id, email, full_name, avatar_big }) => ({
    subject: id,
    email,
    name: full_name,
    pictureUrl: avatar_big,
  }),
});
