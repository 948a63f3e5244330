import { z } from 'zod';
import { email, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const figma = defineProvider({
  id: 'figma',
  label: 'Figma',
  consoleUrl: 'https://www.figma.com/developers/apps',
  referenceUrl: 'https://developers.figma.com/docs/rest-api/authentication/',
  notes: ['Until Figma has reviewed a public application, only members of its own team or organization can use it.'],
  scopes: ['current_user:read'],
  endpoints: {
    authorization_endpoint: 'https://www.figma.com/oauth',
    token_endpoint: 'https://api.figma.com/v1/oauth/token',
    userinfo_endpoint: 'https://api.figma.com/v1/me',
  },
  emails: 'unverified',
  quirks: {
    tokenEndpointAuthMethod: 'client_secret_basic',
    refreshEndpoint: 'refresh',
  },
  claims: z.object({ id: subject, handle: text, email, img_url: text }),
  toProfile: ({ id, handle, email, img_url }) => ({
    subject: id,
    name: handle,
    email,
    pictureUrl: img_url,
  }),
  // `{"error":true,"status":400,"message":…}` without a code; of a complete request only the code or token can be bad.
  tokenError: ({ error, status }) => (error === true && status === 400 ? 'invalid_grant' : undefined),
});
