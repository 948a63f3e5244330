import { z } from 'zod';
import { flag, fullName, numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const shopify = defineProvider({
  id: 'shopify',
  label: 'Shopify',
  consoleUrl: 'https://partners.shopify.com/',
  referenceUrl:
    'https://shopify.dev/docs/apps/build/authentication-authorization/access-tokens/authorization-code-grant',
  notes: ['Only the staff of one shop can sign in.'],
  scopes: ['read_products'],
  endpoints: {
    authorization_endpoint: 'https://{SHOP}.myshopify.com/admin/oauth/authorize',
    token_endpoint: 'https://{SHOP}.myshopify.com/admin/oauth/access_token',
  },
  settings: {
    SHOP: {
      meaning: 'name of the shop: `example` of example.myshopify.com',
      required: true,
      pattern: /^[a-z0-9][a-z0-9-]*$/,
    },
  },
  // A token for one user, and with it who the user is. Without this it is the shop's.
  authorizationParams: { 'grant_options[]': 'per-user' },
  quirks: { pkce: false, scopeSeparator: ',', scopeMember: 'associated_user_scope' },
  fetchClaims: ({ answer }) => Promise.resolve(answer.associated_user),
  claims: z.object({ id: numericSubject, first_name: text, last_name: text, email: text, email_verified: flag }),
  toProfile: ({ id, first_name, last_name, email, email_verified }) => ({
    subject: id,
    email,
    emailVerified: email_verified,
    name: fullName(first_name, last_name),
  }),
});
