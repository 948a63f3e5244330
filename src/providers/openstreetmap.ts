import { z } from 'zod';
import { display, numericSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

export const openstreetmap = defineProvider({
  id: 'openstreetmap',
  label: 'OpenStreetMap',
  consoleUrl: 'https://www.openstreetmap.org/oauth2/applications',
  referenceUrl: 'https://wiki.openstreetmap.org/wiki/OAuth',
  scopes: ['read_prefs'],
  endpoints: {
    authorization_endpoint: 'https://www.openstreetmap.org/oauth2/authorize',
    token_endpoint: 'https://www.openstreetmap.org/oauth2/token',
    userinfo_endpoint: 'https://api.openstreetmap.org/api/0.6/user/details.json',
    revocation_endpoint: 'https://www.openstreetmap.org/oauth2/revoke',
  },
  emails: 'none',
  issuer: 'https://www.openstreetmap.org',
  claims: z.object({
    user: z.object({ id: numericSubject, display_name: text, img: display(z.object({ href: text })) }),
  }),
  toProfile: ({ user: { id, display_name, img } }) => ({
    subject: id,
    name: display_name,
    pictureUrl: img?.href,
  }),
});
