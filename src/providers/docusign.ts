import { z } from 'zod';
import { openIdName, openIdNames, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const docusign = defineProvider({
  id: 'docusign',
  label: 'Docusign',
  consoleUrl: 'https://admindemo.docusign.com/apps-and-keys',
  referenceUrl: 'https://developers.docusign.com/platform/auth/confidential-authcode-get-token/',
  scopes: ['signature'],
  endpoints: {
    authorization_endpoint: 'https://{HOST}/oauth/auth',
    token_endpoint: 'https://{HOST}/oauth/token',
    userinfo_endpoint: 'https://{HOST}/oauth/userinfo',
  },
  emails: 'unverified',
  settings: {
    HOST: {
      meaning: '`account-d.docusign.com` for a demo account',
      default: 'account.docusign.com',
      pattern: /^account(-d)?\.docusign\.com$/,
    },
  },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({ sub: subject, ...openIdNames, email: text }),
  toProfile: ({ sub, email, ...names }) => ({ subject: sub, email, name: openIdName(names) }),
});
