import { OAuthRefusal } from './stand-in.errors.js';

/** The access token of a request (RFC 6750 §2.1). @throws OAuthRefusal without one */
export function bearerToken(authorization: string | undefined): string {
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(authorization ?? '')?.[1];
  // RFC 6750 §3.1: a request without a token gets no error code, only how to authenticate.
  if (token === undefined) throw refusal('A Bearer token in the Authorization header is needed.', '');
  return token;
}

/** The token is not good (RFC 6750 §3.1). */
export function unauthorized(): OAuthRefusal {
  return refusal('The access token is unknown, too old or revoked.', ', error="invalid_token"');
}

function refusal(description: string, error: string): OAuthRefusal {
  return new OAuthRefusal('invalid_token', description, 401, `Bearer realm="stand-in"${error}`);
}
