import { decodeJwt } from 'jose';
import { z } from 'zod';
import { text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

export const eveonline = defineProvider({
  id: 'eveonline',
  label: 'EVE Online',
  consoleUrl: 'https://developers.eveonline.com/applications',
  referenceUrl: 'https://developers.eveonline.com/docs/services/sso/',
  notes: ['An account here is a character. A player who signs in with two characters has two accounts.'],
  scopes: ['publicData'],
  endpoints: {
    authorization_endpoint: 'https://login.eveonline.com/v2/oauth/authorize',
    token_endpoint: 'https://login.eveonline.com/v2/oauth/token',
    revocation_endpoint: 'https://login.eveonline.com/v2/oauth/revoke',
  },
  apiOrigins: ['https://esi.evetech.net'],
  emails: 'none',
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  // The access token itself says who the character is. It came from the token endpoint over TLS, which OpenID Connect
  // Core §3.1.3.7 (6) accepts in place of the check of the signature.
  fetchClaims({ answer }) {
    try {
      return Promise.resolve(decodeJwt(String(answer.access_token)));
    } catch (cause) {
      throw new OAuthError('provider_answer_invalid', 'claims', 'the access token is no JWT', { cause });
    }
  },
  claims: z.object({ sub: z.string().regex(/^CHARACTER:EVE:[1-9]\d{0,18}$/), name: text }),
  toProfile: ({ sub, name }) => {
    const id = sub.slice(sub.lastIndexOf(':') + 1);
    return { subject: id, name, pictureUrl: `https://images.evetech.net/characters/${id}/portrait?size=128` };
  },
});
