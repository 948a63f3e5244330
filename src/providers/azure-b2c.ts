import { z } from 'zod';
import { openIdName, openIdNames, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

/** Known by the issuer that the operator names; it describes itself, in claims of its own. */
export const azureB2c = defineProvider({
  id: 'azure-b2c',
  label: 'Azure AD B2C',
  consoleUrl: 'https://portal.azure.com/',
  referenceUrl: 'https://learn.microsoft.com/azure/active-directory-b2c/openid-connect',
  notes: [
    'In the properties of the user flow, set the issuer claim to the form with `tfp`: only then do issuer and discovery document agree. AZURE_B2C_ISSUER is `https://<tenant>.b2clogin.com/tfp/<tenant id>/<user flow>/v2.0/`.',
    'Azure AD B2C issues an access token only for a scope of your own: set AZURE_B2C_SCOPES to `openid offline_access` and the client id.',
    'Azure AD B2C has not been sold to new customers since May 2025; its successor, Microsoft Entra External ID, is the provider `entra`.',
  ],
  scopes: ['openid', 'offline_access'],
  emails: 'unverified',
  reauthentication: 'prompt=login',
  claims: z.object({
    sub: subject,
    ...openIdNames,
    emails: z.array(text).nullish(),
    email: text,
  }),
  toProfile: ({ sub, emails, email, ...names }) => ({
    subject: sub,
    email: emails?.[0] ?? email,
    name: openIdName(names),
  }),
  idToken: { algorithms: ['RS256'], withoutUserinfo: true },
});
