import { z } from 'zod';
import { openIdName, openIdNames, subject } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const orcid = defineProvider({
  id: 'orcid',
  label: 'ORCID',
  consoleUrl: 'https://orcid.org/developer-tools',
  referenceUrl: 'https://github.com/ORCID/ORCID-Source/blob/main/orcid-web/ORCID_AUTH_WITH_OPENID_CONNECT.md',
  notes: ['Users decide at ORCID whether their name is public. If it is private, Gatehouse receives only the iD.'],
  scopes: ['openid'],
  endpoints: {
    authorization_endpoint: 'https://orcid.org/oauth/authorize',
    token_endpoint: 'https://orcid.org/oauth/token',
    userinfo_endpoint: 'https://orcid.org/oauth/userinfo',
    revocation_endpoint: 'https://orcid.org/oauth/revoke',
    jwks_uri: 'https://orcid.org/oauth/jwks',
  },
  emails: 'none',
  // The documented id_token has no name: userinfo is requested for it.
  idToken: { issuers: ['https://orcid.org'] },
  claims: z.object({ sub: subject, ...openIdNames }),
  toProfile: ({ sub, ...names }) => ({
    subject: sub,
    name: openIdName(names),
  }),
});
