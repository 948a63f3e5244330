import { z } from 'zod';
import { fullName, numericSubject, text } from '../oauth/claims.js';
import { OAuthError } from '../oauth/oauth.errors.js';
import { defineProvider } from '../oauth/provider.js';

/** What an error answer complains of, in place of a code. */
const complaints = z.array(z.object({ resource: z.string() })).min(1);

export const strava = defineProvider({
  id: 'strava',
  label: 'Strava',
  consoleUrl: 'https://www.strava.com/settings/api',
  referenceUrl: 'https://developers.strava.com/docs/authentication/',
  notes: [
    'Only the owner can use a new application until Strava has reviewed it and raised its limit of athletes.',
    'Strava limits the requests of an application per 15 minutes and per day, for all its users together; a sign-in makes two.',
    'Strava moves its API to another host before June 2027. Set STRAVA_USERINFO_ENDPOINT when it has announced yours.',
  ],
  scopes: ['read'],
  endpoints: {
    authorization_endpoint: 'https://www.strava.com/oauth/authorize',
    token_endpoint: 'https://www.strava.com/oauth/token',
    userinfo_endpoint: 'https://www.strava.com/api/v3/athlete',
    revocation_endpoint: 'https://www.strava.com/oauth/revoke',
  },
  emails: 'none',
  quirks: { scopeSeparator: ',', callbackParameters: ['scope'] },
  claims: z.object({ id: numericSubject, username: text, firstname: text, lastname: text, profile: text }),
  toProfile: ({ id, username, firstname, lastname, profile }) => ({
    subject: id,
    name: fullName(firstname, lastname) ?? username,
    // For a user without a picture it is `avatar/athlete/large.png`, which is not a URL and is dropped.
    pictureUrl: profile,
  }),
  tokenError({ errors }) {
    const { data } = complaints.safeParse(errors);
    if (!data) return undefined;
    const isGrant = data.some(({ resource }) => resource === 'AuthorizationCode' || resource === 'RefreshToken');
    return isGrant ? 'invalid_grant' : 'invalid_request';
  },
  // RFC 7009, but the client proves itself in the header here and in the form at the token endpoint.
  async revoke({ http, endpoints: { revocation_endpoint = '' }, settings, step }, { accessToken, refreshToken }) {
    const credentials = Buffer.from(`${settings.clientId}:${settings.clientSecret}`).toString('base64');
    const headers = { authorization: `Basic ${credentials}` };
    const form = { token: refreshToken ?? accessToken };
    const { status } = await http.post(revocation_endpoint, form, { step, headers });
    if (status === 429 || status >= 500) throw new OAuthError('provider_unreachable', step, `answered ${status}`);
    if (status !== 200) throw new OAuthError('provider_refused', step, `answered ${status}`);
  },
});
