import { z } from 'zod';
import { display, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const stripe = defineProvider({
  id: 'stripe',
  label: 'Stripe',
  consoleUrl: 'https://dashboard.stripe.com/settings/connect/onboarding-options/oauth',
  referenceUrl: 'https://docs.stripe.com/connect/oauth-reference',
  notes: [
    'An account here is a Stripe account, which several users of a business can share.',
    'The client secret is the secret API key of your platform.',
  ],
  scopes: ['read_only'],
  endpoints: {
    authorization_endpoint: 'https://connect.stripe.com/oauth/authorize',
    token_endpoint: 'https://connect.stripe.com/oauth/token',
    userinfo_endpoint: 'https://api.stripe.com/v1/account',
    revocation_endpoint: 'https://connect.stripe.com/oauth/deauthorize',
  },
  emails: 'unverified',
  quirks: { pkce: false, keptDetails: ['stripe_user_id'] },
  claims: z.object({ id: subject, email: text, business_profile: display(z.object({ name: text })) }),
  toProfile: ({ id, email, business_profile }) => ({ subject: id, email, name: business_profile?.name }),
  async revoke({ http, endpoints: { revocation_endpoint = '' }, settings, step }, { details }) {
    const form = { client_id: settings.clientId, stripe_user_id: details?.stripe_user_id ?? '' };
    const headers = { authorization: `Bearer ${settings.clientSecret}` };
    const { status } = await http.post(revocation_endpoint, form, { step, headers });
    // 401 also stands for an account that is not connected any more.
    if (status !== 200 && status !== 401) throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
