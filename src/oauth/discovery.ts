import { z } from 'zod';
import { OAuthError } from './oauth.errors.js';
import { jsonObject, type ProviderHttp } from './provider-http.js';
import type { ProviderEndpoints } from './provider.js';

const address = z.url({ protocol: /^https?$/ });

/** RFC 8414 §2, OpenID Connect Discovery §3: what we use of it. */
const metadata = z.object({
  issuer: z.string(),
  authorization_endpoint: address,
  token_endpoint: address,
  jwks_uri: address.optional(),
  userinfo_endpoint: address.optional(),
  revocation_endpoint: address.optional(),
  authorization_response_iss_parameter_supported: z.boolean().default(false),
  token_endpoint_auth_methods_supported: z.array(z.string()).default(['client_secret_basic']),
});

export interface DiscoveredProvider {
  readonly endpoints: ProviderEndpoints;
  /** RFC 9207 §3: the provider promises `iss` in every callback. */
  readonly promisesIssuer: boolean;
  /** Basic, unless the provider does not list it. */
  readonly tokenEndpointAuthMethod: 'client_secret_post' | 'client_secret_basic';
}

/**
 * Reads a provider's own description of itself (OpenID Connect Discovery §4). Where its addresses may lead is judged
 * when they are called, see public-address.
 *
 * @throws OAuthError when it cannot be read, or names another issuer, or weakens https to http
 */
export async function discover(http: ProviderHttp, issuer: string): Promise<DiscoveredProvider> {
  const step = 'discovery';
  const document = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const { status, text } = await http.get(document, { step });
  if (status !== 200) throw new OAuthError('provider_unreachable', step, `discovery answered ${status}`);
  const parsed = metadata.safeParse(jsonObject(text));
  if (!parsed.success) throw new OAuthError('provider_answer_invalid', step, 'unusable discovery document');
  const {
    issuer: named,
    authorization_response_iss_parameter_supported: promisesIssuer,
    token_endpoint_auth_methods_supported: methods,
    ...endpoints
  } = parsed.data;
  if (named !== issuer) throw new OAuthError('provider_answer_invalid', step, 'discovery names another issuer');
  if (issuer.startsWith('https:') && Object.values(endpoints).some((endpoint) => endpoint.startsWith('http:'))) {
    throw new OAuthError('provider_answer_invalid', step, 'discovery leads from https to http');
  }
  const tokenEndpointAuthMethod = methods.includes('client_secret_basic')
    ? 'client_secret_basic'
    : 'client_secret_post';
  return { endpoints, promisesIssuer, tokenEndpointAuthMethod };
}
