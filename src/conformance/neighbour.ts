import { z } from 'zod';
import { subject } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

/** A second provider in the same application: what was begun there must not end here, nor the other way round. */
export const neighbour = defineProvider({
  id: 'conformance-neighbour',
  label: 'Neighbour',
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://neighbour.example/authorize',
    token_endpoint: 'https://neighbour.example/token',
    userinfo_endpoint: 'https://neighbour.example/userinfo',
  },
  emails: 'none',
  claims: z.object({ id: subject }),
  toProfile: ({ id }) => ({ subject: id, emailVerified: false }),
});
