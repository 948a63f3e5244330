import { Module } from '@nestjs/common';
import { defineProvider, OAuthModule } from 'gatehouse';
import { z } from 'zod';

/** A provider of plain OAuth 2.0: no id_token, so userinfo says who the person is. */
const acme = defineProvider({
  id: 'acme',
  label: 'Acme',
  scopes: ['profile', 'email'],
  endpoints: {
    authorization_endpoint: 'https://acme.example/oauth/authorize',
    token_endpoint: 'https://acme.example/oauth/token',
    userinfo_endpoint: 'https://acme.example/api/me',
  },
  claims: z.object({
    id: z.number().int(),
    display_name: z.string().nullish(),
    email: z.string().nullish(),
    email_confirmed: z.boolean().nullish(),
  }),
  toProfile: ({ id, display_name, email, email_confirmed }) => ({
    // The number stays with the person; the name and the address may change hands.
    subject: String(id),
    name: display_name ?? undefined,
    email: email ?? undefined,
    emailVerified: email_confirmed === true,
  }),
});

@Module({ imports: [OAuthModule.forFeature(acme)] })
export default class AcmeModule {}
