import { z } from 'zod';
import { numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const kick = defineProvider({
  id: 'kick',
  label: 'Kick',
  consoleUrl: 'https://kick.com/settings/developer',
  referenceUrl: 'https://docs.kick.com/getting-started/generating-tokens-oauth2-flow',
  scopes: ['user:read'],
  endpoints: {
    authorization_endpoint: 'https://id.kick.com/oauth/authorize',
    token_endpoint: 'https://id.kick.com/oauth/token',
    userinfo_endpoint: 'https://api.kick.com/public/v1/users',
    revocation_endpoint: 'https://id.kick.com/oauth/revoke',
  },
  emails: 'unverified',
  // Without ids in the query the list holds the owner of the token and no one else.
  claims: z.object({
    data: z.tuple([z.object({ user_id: numericSubject, name: text, email: text, profile_picture: text })]),
  }),
  toProfile: ({ data: [user] }) => ({
    subject: user.user_id,
    email: user.email,
    name: user.name,
    pictureUrl: user.profile_picture,
  }),
});
