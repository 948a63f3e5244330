import { z } from 'zod';
import { email, flag, openIdName, openIdNames, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

/** Instances, sandboxes and each company's My Domain are all below these. */
const HOST = /^([a-z\d-]+\.)+salesforce\.(com|mil)$/;

export const salesforce = defineProvider({
  id: 'salesforce',
  label: 'Salesforce',
  consoleUrl: 'https://login.salesforce.com/',
  referenceUrl: 'https://help.salesforce.com/s/articleView?id=xcloud.remoteaccess_oauth_web_server_flow.htm&type=5',
  notes: [
    'Register an external client app: Salesforce no longer lets new connected apps be created by default.',
    'Each scope, `refresh_token` as well, must be selected in the app.',
  ],
  scopes: ['openid', 'profile', 'email', 'refresh_token'],
  endpoints: {
    authorization_endpoint: 'https://{HOST}/services/oauth2/authorize',
    token_endpoint: 'https://{HOST}/services/oauth2/token',
    userinfo_endpoint: 'https://{HOST}/services/oauth2/userinfo',
    revocation_endpoint: 'https://{HOST}/services/oauth2/revoke',
  },
  settings: {
    HOST: {
      meaning:
        'Where people sign in: `test.salesforce.com` for sandboxes, or a My Domain like `acme.my.salesforce.com`.',
      default: 'login.salesforce.com',
      pattern: HOST,
    },
  },
  reauthentication: 'prompt=login',
  // The administrators of an organization create its users and their addresses.
  emails: 'operator',
  quirks: { keptDetails: ['instance_url'] },
  claims: z.object({
    organization_id: subject,
    user_id: subject,
    ...openIdNames,
    email,
    email_verified: flag,
    picture: text,
  }),
  toProfile: ({ organization_id, user_id, email, email_verified, picture, ...names }) => ({
    subject: `${organization_id}:${user_id}`,
    name: openIdName(names),
    email,
    emailVerified: email_verified,
    pictureUrl: picture,
  }),
  placeOf({ instance_url: origin }) {
    // Before a sign-in, the instance of the user is unknown.
    if (origin === undefined) return {};
    if (origin.startsWith('https://') && HOST.test(origin.slice(8))) return { apiOrigins: [origin] };
    throw new OAuthError('provider_answer_invalid', 'token_request', 'an instance that is not at Salesforce');
  },
});
