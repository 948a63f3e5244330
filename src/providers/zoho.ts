import { z } from 'zod';
import { email, fullName, numericSubject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

/** Its data centres (https://www.zoho.com/accounts/protocol/oauth/multi-dc.html). A code and our secret go nowhere else. */
const DOMAINS = /^(zoho\.(com|eu|in|com\.au|jp|sa|uk|ae|com\.cn)|zohocloud\.ca)$/;

export const zoho = defineProvider({
  id: 'zoho',
  label: 'Zoho',
  consoleUrl: 'https://api-console.zoho.com/',
  referenceUrl: 'https://www.zoho.com/accounts/protocol/oauth/web-apps/authorization.html',
  notes: ['Users of other data centers can sign in after you enable "Multi DC" in the settings of the client.'],
  scopes: ['AaaServer.profile.READ'],
  endpoints: {
    authorization_endpoint: 'https://accounts.{DOMAIN}/oauth/v2/auth',
    token_endpoint: 'https://accounts.{DOMAIN}/oauth/v2/token',
    userinfo_endpoint: 'https://accounts.{DOMAIN}/oauth/user/info',
    revocation_endpoint: 'https://accounts.{DOMAIN}/oauth/v2/token/revoke',
  },
  settings: {
    DOMAIN: { meaning: 'data centre where the client is registered', default: 'zoho.com', pattern: DOMAINS },
  },
  // A refresh token comes with the first consent. To have it again would mean to ask people each time.
  authorizationParams: { access_type: 'offline' },
  emails: 'unverified',
  quirks: {
    scopeSeparator: ',',
    callbackParameters: ['accounts-server'],
    keptDetails: ['accounts-server'],
    invalidGrantErrors: ['invalid_code'],
  },
  claims: z.object({ ZUID: numericSubject, Email: email, Display_Name: text, First_Name: text, Last_Name: text }),
  toProfile({ ZUID, Email, Display_Name, First_Name, Last_Name }) {
    const name = fullName(Display_Name) ?? fullName(First_Name, Last_Name);
    return { subject: ZUID, email: Email, emailVerified: false, name };
  },
  placeOf({ 'accounts-server': server }) {
    if (server === undefined) return {};
    const domain = /^https:\/\/accounts\.(.+)$/.exec(server)?.[1] ?? '';
    if (!DOMAINS.test(domain))
      throw new OAuthError('bad_callback', 'callback', 'an accounts server that is not of Zoho');
    const endpoints = {
      token_endpoint: `${server}/oauth/v2/token`,
      userinfo_endpoint: `${server}/oauth/user/info`,
      revocation_endpoint: `${server}/oauth/v2/token/revoke`,
    };
    return { endpoints };
  },
});
