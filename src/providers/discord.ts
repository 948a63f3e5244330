import { z } from 'zod';
import { email, flag, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const discord = defineProvider({
  id: 'discord',
  label: 'Discord',
  consoleUrl: 'https://discord.com/developers/applications',
  referenceUrl: 'https://discord.com/developers/docs/topics/oauth2',
  scopes: ['identify', 'email'],
  endpoints: {
    authorization_endpoint: 'https://discord.com/oauth2/authorize',
    token_endpoint: 'https://discord.com/api/oauth2/token',
    userinfo_endpoint: 'https://discord.com/api/users/@me',
    revocation_endpoint: 'https://discord.com/api/oauth2/token/revoke',
  },
  issuer: 'https://discord.com',
  claims: z.object({ id: subject, username: text, global_name: text, avatar: text, email, verified: flag }),
  toProfile: ({ id, username, global_name, avatar, email, verified }) => ({
    subject: id,
    email,
    emailVerified: verified,
    name: global_name ?? username,
    pictureUrl: avatar && `https://cdn.discordapp.com/avatars/${id}/${avatar}.png`,
  }),
});
