import { z } from 'zod';
import { numericSubject, subject } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

const DEAD_GRANT = /^Invalid Params: invalid (code|refresh_token)$/i;

export const withings = defineProvider({
  id: 'withings',
  label: 'Withings',
  consoleUrl: 'https://developer.withings.com/dashboard/',
  referenceUrl:
    'https://developer.withings.com/developer-guide/v3/integration-guide/public-health-data-api/get-access/oauth-web-flow',
  notes: [
    'Withings returns an id and nothing else about the user: no name and no email address.',
    'Withings has no scope for sign-in alone. Set WITHINGS_SCOPES to the health data that the application works with.',
    'Withings does not accept localhost as the redirect URI.',
  ],
  scopes: ['user.activity'],
  endpoints: {
    authorization_endpoint: 'https://account.withings.com/oauth2_user/authorize2',
    token_endpoint: 'https://wbsapi.withings.net/v2/oauth2',
  },
  apiOrigins: ['https://wbsapi.withings.net'],
  emails: 'none',
  quirks: {
    scopeSeparator: ',',
    pkce: false,
    exchangeParameters: { action: 'requesttoken' },
    refreshParameters: { action: 'requesttoken' },
  },
  // Always with the HTTP status 200: `{"status":0,"body":{…}}`, or another status and a sentence.
  tokenResponse(response) {
    const { status, body, error } = response;
    if (typeof status !== 'number') return response;
    if (status === 0) return { ...(body as object) };
    return { error: DEAD_GRANT.test(String(error)) ? 'invalid_grant' : `status ${String(status)}` };
  },
  fetchClaims: ({ answer }) => Promise.resolve(answer),
  claims: z.object({ userid: z.union([subject, numericSubject]) }),
  toProfile: ({ userid }) => ({ subject: userid }),
});
