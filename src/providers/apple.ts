import { importPKCS8, SignJWT } from 'jose';
import { z } from 'zod';
import { email, fullName, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';
import { jsonObject } from '../oauth/provider-http.js';

const ISSUER = 'https://appleid.apple.com';

/** Sent with the code at the first sign-in only. It is not signed, so only the name is used. */
const introduction = z.object({ name: z.object({ firstName: text, lastName: text }) });

export const apple = defineProvider({
  id: 'apple',
  label: 'Apple',
  consoleUrl: 'https://developer.apple.com/account/resources/identifiers/list',
  referenceUrl: 'https://developer.apple.com/documentation/signinwithapplerestapi',
  notes: [
    'APPLE_CLIENT_ID is the Services ID; APPLE_CLIENT_SECRET is the private key of "Sign in with Apple" in the ' +
      'PEM format of Apple. It can be on one line with `\\n` for the line breaks.',
    'Apple accepts only https redirect URIs with a public host name: no localhost and no IP address.',
    'Email addresses at privaterelay.appleid.com receive mail only from senders that you register with Apple.',
    'Apple returns the name only at the first sign-in. Users who remove the application in their Apple account settings send it again.',
  ],
  scopes: ['name', 'email'],
  endpoints: {
    authorization_endpoint: `${ISSUER}/auth/authorize`,
    token_endpoint: `${ISSUER}/auth/token`,
    revocation_endpoint: `${ISSUER}/auth/revoke`,
    jwks_uri: `${ISSUER}/auth/keys`,
  },
  settings: {
    TEAM_ID: { meaning: 'the ten characters of your developer team', required: true, pattern: /^[A-Z0-9]{10}$/ },
    KEY_ID: { meaning: 'the ten characters of the key in CLIENT_SECRET', required: true, pattern: /^[A-Z0-9]{10}$/ },
  },
  idToken: { issuers: [ISSUER], withoutUserinfo: true },
  quirks: {
    // Apple insists on it as soon as a scope is asked for.
    responseMode: 'form_post',
    callbackParameters: ['user'],
    deniedErrors: ['user_cancelled_authorize'],
  },
  claims: z.object({
    sub: subject,
    email,
    email_verified: z
      .union([z.boolean(), z.string()])
      .nullish()
      .transform((value) => value === true || value === 'true'),
  }),
  toProfile({ sub, email, email_verified }, { user = '' }) {
    const { name } = introduction.safeParse(jsonObject(user)).data ?? {};
    return { subject: sub, email, emailVerified: email_verified, name: fullName(name?.firstName, name?.lastName) };
  },
  async clientSecret({ clientId, clientSecret, own }) {
    const key = await importPKCS8(clientSecret.replaceAll('\\n', '\n'), 'ES256');
    return new SignJWT({ iss: own.TEAM_ID, sub: clientId, aud: ISSUER })
      .setProtectedHeader({ alg: 'ES256', kid: own.KEY_ID })
      .setIssuedAt()
      .setExpirationTime('5 minutes')
      .sign(key);
  },
});
