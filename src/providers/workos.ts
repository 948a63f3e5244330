import { z } from 'zod';
import { fullName, subject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const workos = defineProvider({
  id: 'workos',
  label: 'WorkOS',
  consoleUrl: 'https://dashboard.workos.com/',
  referenceUrl: 'https://workos.com/docs/reference/sso',
  notes: [
    'The client secret is an API key.',
    'WORKOS_CONNECTION takes precedence over WORKOS_ORGANIZATION, and that over WORKOS_PROVIDER.',
    'Users of an organization come from its identity provider. Its administrators decide which email addresses they have.',
  ],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://api.workos.com/sso/authorize',
    token_endpoint: 'https://api.workos.com/sso/token',
    userinfo_endpoint: 'https://api.workos.com/sso/profile',
  },
  settings: {
    CONNECTION: { meaning: 'id of the only connection users sign in with', pattern: /^conn_\w+$/ },
    ORGANIZATION: { meaning: 'id of the only organization whose users sign in', pattern: /^org_\w+$/ },
    PROVIDER: { meaning: 'how users sign in where neither is set', default: 'authkit', pattern: /^\w+$/ },
  },
  emails: 'unverified',
  authorizationParams: ({ own }): Record<string, string> => {
    if (own.CONNECTION !== undefined) return { connection: own.CONNECTION };
    if (own.ORGANIZATION !== undefined) return { organization: own.ORGANIZATION };
    return { provider: own.PROVIDER ?? 'authkit' };
  },
  claims: z.object({
    id: subject,
    connection_id: text,
    organization_id: text,
    email: text,
    first_name: text,
    last_name: text,
  }),
  toProfile: ({ id, email, first_name, last_name }) => ({
    subject: id,
    email,
    name: fullName(first_name, last_name),
  }),
  checkClaims({ connection_id, organization_id }, { own }) {
    // The parameters only choose where WorkOS sends the user; the profile says where the user came from.
    const isOther =
      own.CONNECTION === undefined ? organization_id !== own.ORGANIZATION : connection_id !== own.CONNECTION;
    if ((own.CONNECTION ?? own.ORGANIZATION) !== undefined && isOther) {
      throw new OAuthError('hosted_domain_not_allowed', 'decision', 'a user of another organization');
    }
  },
});
