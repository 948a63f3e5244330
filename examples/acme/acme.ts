import { Module } from '@nestjs/common';
import { defineProvider, email, flag, numericSubject, OAuthModule, text } from 'gatehouse';
import { z } from 'zod';

/** A provider of plain OAuth 2.0: no id_token, so userinfo says who the person is. */
export const acme = defineProvider({
  id: 'acme',
  label: 'Acme',
  scopes: ['profile', 'email'],
  endpoints: {
    authorization_endpoint: 'https://acme.example/oauth/authorize',
    token_endpoint: 'https://acme.example/oauth/token',
    userinfo_endpoint: 'https://acme.example/api/me',
  },
  claims: z.object({ id: numericSubject, display_name: text, email, email_confirmed: flag }),
  toProfile: ({ id, display_name, email, email_confirmed }) => ({
    // The number stays with the person; the name and the address may change hands.
    subject: id,
    name: display_name,
    email,
    emailVerified: email_confirmed,
  }),
});

@Module({ imports: [OAuthModule.forFeature(acme)] })
export default class AcmeModule {}
