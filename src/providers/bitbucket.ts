import { z } from 'zod';
import { display, email, flag, primaryAddress, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const bitbucket = defineProvider({
  id: 'bitbucket',
  label: 'Bitbucket',
  consoleUrl: 'https://support.atlassian.com/bitbucket-cloud/docs/use-oauth-on-bitbucket-cloud/',
  referenceUrl: 'https://developer.atlassian.com/cloud/bitbucket/oauth-2/',
  notes: ['Select each scope in the OAuth consumer as well. A consumer has one callback URL.'],
  scopes: ['account', 'email'],
  endpoints: {
    authorization_endpoint: 'https://bitbucket.org/site/oauth2/authorize',
    token_endpoint: 'https://bitbucket.org/site/oauth2/access_token',
    userinfo_endpoint: 'https://api.bitbucket.org/2.0/user',
  },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic', scopeMember: 'scopes' },
  async fetchClaims(call) {
    const addresses = new URL('user/emails', call.endpoints.userinfo_endpoint).href;
    const [user, emails] = await Promise.all([call.userinfo(), call.get(addresses, { optional: true })]);
    return { ...user, emails };
  },
  claims: z.object({
    uuid: subject,
    display_name: text,
    links: display(z.object({ avatar: z.object({ href: text }) })),
    emails: z.object({ values: primaryAddress('is_primary', { email, is_confirmed: flag }) }).optional(),
  }),
  toProfile({ uuid, display_name, links, emails }) {
    const primary = emails?.values;
    return {
      subject: uuid,
      name: display_name,
      email: primary?.email,
      emailVerified: primary?.is_confirmed ?? false,
      pictureUrl: links?.avatar.href,
    };
  },
  // A dead refresh token is an `invalid_request` there.
  tokenError: ({ error_description }) => (error_description === 'Invalid refresh_token' ? 'invalid_grant' : undefined),
});
