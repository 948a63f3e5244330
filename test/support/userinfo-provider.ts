import { Module } from '@nestjs/common';
import { z } from 'zod';
import { OAuthModule } from '../../src/oauth/oauth.module.js';
import { defineProvider } from '../../src/oauth/provider.js';

/**
 * A provider without id_token: userinfo alone says who somebody is. The client proves itself with HTTP Basic, the way
 * that Google does not take.
 */
export const plain = defineProvider({
  id: 'plain',
  label: 'Plain',
  scopes: ['email', 'profile'],
  // Tests say where it is: PLAIN_TOKEN_ENDPOINT and so on.
  endpoints: {
    authorization_endpoint: 'https://plain.invalid/authorize',
    token_endpoint: 'https://plain.invalid/token',
    userinfo_endpoint: 'https://plain.invalid/userinfo',
  },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({
    sub: z.string(),
    email: z.string().nullish(),
    email_verified: z.boolean().nullish(),
    name: z.string().nullish(),
    picture: z.string().nullish(),
  }),
  toProfile: ({ sub, email, email_verified, name, picture }) => ({
    subject: sub,
    email: email ?? undefined,
    emailVerified: email_verified === true,
    name: name ?? undefined,
    pictureUrl: picture ?? undefined,
  }),
});

/** What a program adds to Gatehouse for it. */
@Module({ imports: [OAuthModule.forFeature(plain)] })
export class PlainModule {}
