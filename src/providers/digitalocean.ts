import { z } from 'zod';
import { email, flag, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const digitalocean = defineProvider({
  id: 'digitalocean',
  label: 'DigitalOcean',
  consoleUrl: 'https://cloud.digitalocean.com/account/api/applications',
  referenceUrl: 'https://docs.digitalocean.com/reference/api/oauth/',
  notes: ['The scope `read` gives read access to the whole team that the user selects.'],
  scopes: ['read'],
  endpoints: {
    authorization_endpoint: 'https://cloud.digitalocean.com/v1/oauth/authorize',
    token_endpoint: 'https://cloud.digitalocean.com/v1/oauth/token',
    userinfo_endpoint: 'https://api.digitalocean.com/v2/account',
    revocation_endpoint: 'https://cloud.digitalocean.com/v1/oauth/revoke',
  },
  emails: 'operator',
  claims: z.object({ account: z.object({ uuid: subject, email, email_verified: flag, name: text }) }),
  toProfile({ account: { uuid, email, email_verified, name } }) {
    return { subject: uuid, email, emailVerified: email_verified, name };
  },
  async revoke({ http, endpoints: { revocation_endpoint = '' }, step }, { accessToken }) {
    // The token is asked for twice: as the credentials of the call and as what it is about.
    const headers = { authorization: `Bearer ${accessToken}` };
    const { status } = await http.post(revocation_endpoint, { token: accessToken }, { step, headers });
    if (status === 200 || status === 401) return;
    throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
