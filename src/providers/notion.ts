import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const notion = defineProvider({
  id: 'notion',
  label: 'Notion',
  consoleUrl: 'https://www.notion.so/my-integrations',
  referenceUrl: 'https://developers.notion.com/docs/authorization',
  notes: [
    'Notion has no scopes. It returns an email address if the integration has the capability to read user information including email addresses.',
    'At every sign-in, Notion asks the user which pages to share. This suits only applications that work with these pages.',
  ],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://api.notion.com/v1/oauth/authorize',
    token_endpoint: 'https://api.notion.com/v1/oauth/token',
    revocation_endpoint: 'https://api.notion.com/v1/oauth/revoke',
  },
  settings: {
    VERSION: {
      meaning: 'The version of the Notion API that calls ask for.',
      default: '2025-09-03',
      pattern: /^\d{4}-\d\d-\d\d$/,
    },
  },
  apiOrigins: ['https://api.notion.com'],
  emails: 'unverified',
  authorizationParams: { owner: 'user' },
  quirks: {
    tokenEndpointAuthMethod: 'client_secret_basic',
    tokenRequestFormat: 'json',
    headers: { 'notion-version': '{VERSION}' },
    revocation: 'json',
  },
  fetchClaims: ({ answer }) => Promise.resolve(answer.owner),
  // An integration that a workspace owns has no user, so no one can sign in with it.
  claims: z.object({
    user: z.object({ id: subject, name: text, avatar_url: text, person: z.object({ email }).nullish() }),
  }),
  toProfile: ({ user: { id, name, avatar_url, person } }) => ({
    subject: id,
    name,
    email: person?.email,
    pictureUrl: avatar_url,
  }),
});
