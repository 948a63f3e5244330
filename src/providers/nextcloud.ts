import { z } from 'zod';
import { subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const nextcloud = defineProvider({
  id: 'nextcloud',
  label: 'Nextcloud',
  consoleUrl: 'https://docs.nextcloud.com/server/latest/admin_manual/configuration_server/oauth2.html',
  referenceUrl: 'https://docs.nextcloud.com/server/latest/developer_manual/client_apis/OCS/ocs-api-overview.html',
  notes: ['The subject is the user name on the server. Do not change the server of a running installation.'],
  scopes: [],
  endpoints: {
    authorization_endpoint: 'https://{HOST}/index.php/apps/oauth2/authorize',
    token_endpoint: 'https://{HOST}/index.php/apps/oauth2/api/v1/token',
    userinfo_endpoint: 'https://{HOST}/ocs/v2.php/cloud/user',
  },
  emails: 'unverified',
  settings: {
    HOST: {
      meaning: 'the server, with the path where it has one: `cloud.example.org`',
      required: true,
      pattern: /^[a-z0-9.-]+(:\d+)?(\/[\w./-]+)?$/,
    },
  },
  quirks: {
    pkce: false,
    headers: { 'ocs-apirequest': 'true' },
    userinfo: { query: { format: 'json' } },
  },
  claims: z.object({ ocs: z.object({ data: z.object({ id: subject, email: text, displayname: text }) }) }),
  toProfile: ({ ocs: { data } }) => ({ subject: data.id, email: data.email, name: data.displayname }),
});
