import { z } from 'zod';
import { flag, numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const wordpress = defineProvider({
  id: 'wordpress',
  label: 'WordPress.com',
  consoleUrl: 'https://developer.wordpress.com/apps/',
  referenceUrl: 'https://developer.wordpress.com/docs/oauth2/',
  scopes: ['auth'],
  endpoints: {
    authorization_endpoint: 'https://public-api.wordpress.com/oauth2/authorize',
    token_endpoint: 'https://public-api.wordpress.com/oauth2/token',
    userinfo_endpoint: 'https://public-api.wordpress.com/rest/v1.1/me/',
  },
  claims: z.object({
    ID: numericSubject,
    display_name: text,
    username: text,
    email: text,
    email_verified: flag,
    avatar_URL: text,
  }),
  toProfile: ({ ID, display_name, username, email, email_verified, avatar_URL }) => ({
    subject: ID,
    email,
    emailVerified: email_verified,
    name: display_name ?? username,
    pictureUrl: avatar_URL,
  }),
});
