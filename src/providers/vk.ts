import { z } from 'zod';
import { email, fullName, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const vk = defineProvider({
  id: 'vk',
  label: 'VK',
  consoleUrl: 'https://id.vk.com/about/business/go',
  referenceUrl:
    'https://id.vk.com/about/business/go/docs/ru/vkid/latest/vk-id/connection/api-integration/api-description',
  notes: ['The client secret is the service token of the application, which must be of the confidential type.'],
  scopes: ['vkid.personal_info', 'email'],
  endpoints: {
    authorization_endpoint: 'https://id.vk.com/authorize',
    token_endpoint: 'https://id.vk.com/oauth2/auth',
    userinfo_endpoint: 'https://id.vk.com/oauth2/user_info',
    revocation_endpoint: 'https://id.vk.com/oauth2/revoke',
  },
  emails: 'unverified',
  quirks: {
    // VK binds the tokens to the device that the callback names.
    callbackParameters: ['device_id', 'state'],
    keptDetails: ['device_id', 'state'],
    exchangeParameters: { device_id: '{device_id}', state: '{state}' },
    refreshParameters: { device_id: '{device_id}', state: '{state}' },
    invalidGrantErrors: ['invalid_token'],
    userinfo: { form: { access_token: '{access_token}', client_id: '{client_id}' } },
    revocation: { access_token: '{access_token}', client_id: '{client_id}' },
  },
  tokenRequest: ({ client_secret, ...fields }) => ({ ...fields, service_token: client_secret }),
  claims: z.object({
    user: z.object({ user_id: subject, first_name: text, last_name: text, email, avatar: text }),
  }),
  toProfile({ user: { user_id, first_name, last_name, email, avatar } }) {
    return { subject: user_id, email, name: fullName(first_name, last_name), pictureUrl: avatar };
  },
});
