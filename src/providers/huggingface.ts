import { openIdProvider } from '../oauth/openid-provider.js';

export const huggingface = openIdProvider({
  id: 'huggingface',
  label: 'Hugging Face',
  consoleUrl: 'https://huggingface.co/settings/applications/new',
  referenceUrl: 'https://huggingface.co/docs/hub/oauth',
  endpoints: {
    authorization_endpoint: 'https://huggingface.co/oauth/authorize',
    token_endpoint: 'https://huggingface.co/oauth/token',
    userinfo_endpoint: 'https://huggingface.co/oauth/userinfo',
    jwks_uri: 'https://huggingface.co/oauth/jwks',
  },
  emails: 'verified',
  idToken: { issuers: ['https://huggingface.co'] },
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
});
