import { z } from 'zod';
import { fullName, numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const basecamp = defineProvider({
  id: 'basecamp',
  label: 'Basecamp',
  consoleUrl: 'https://launchpad.37signals.com/integrations',
  referenceUrl: 'https://github.com/basecamp/api/blob/master/sections/authentication.md',
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://launchpad.37signals.com/authorization/new',
    token_endpoint: 'https://launchpad.37signals.com/authorization/token',
    userinfo_endpoint: 'https://launchpad.37signals.com/authorization.json',
  },
  emails: 'unverified',
  settings: {
    USER_AGENT: {
      meaning: 'name and contact of your application, as 37signals asks for',
      default: 'Gatehouse',
      pattern: /^[\x20-\x7e]{1,200}$/,
    },
  },
  authorizationParams: { type: 'web_server' },
  quirks: {
    exchangeParameters: { type: 'web_server' },
    refreshParameters: { type: 'refresh' },
    // A request without a name of the application is refused.
    headers: { 'user-agent': '{USER_AGENT}' },
  },
  claims: z.object({
    identity: z.object({ id: numericSubject, first_name: text, last_name: text, email_address: text }),
  }),
  toProfile: ({ identity: { id, first_name, last_name, email_address } }) => ({
    subject: id,
    email: email_address,
    name: fullName(first_name, last_name),
  }),
});
