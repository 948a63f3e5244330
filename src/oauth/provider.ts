/**
 * What a provider is: a value. Data says nearly everything, one pure function says who a person is,
 * and a few optional members are the ways out for what data cannot say.
 *
 * A provider file is this value and nothing else; see `providers/google.ts` for a whole one.
 */
import type { Strategy } from 'passport';
import type { ProviderSettings } from '../config/config.js';
import { isLoopback } from '../config/web-address.js';
import type { Step } from './oauth.errors.js';
import type { ProviderHttp } from './provider-http.js';
import type { StandardSchemaV1 } from '@standard-schema/spec';

export interface OAuthProvider<Claims = unknown> {
  /** URL segment, prefix of the settings, value of `oauth_accounts.provider`. Lower case; never rename it. */
  readonly id: string;
  /** The name people read on the button. */
  readonly label: string;
  /** Asked for at every sign-in unless `<ID>_SCOPES` says otherwise. */
  readonly scopes: readonly string[];
  readonly endpoints: ProviderEndpoints;
  /**
   * Where its API is, beside the origin of userinfo: `['https://api.example.com']`. A person's token goes to these
   * and to nowhere else; a path is relative to the first one.
   */
  readonly apiOrigins?: readonly string[];
  /** Checks the provider's JSON; an answer that does not pass is refused before anything is stored. */
  readonly claims: StandardSchemaV1<unknown, Claims>;
  /** Says whom the checked claims describe. Pure. */
  toProfile(claims: Claims): ProviderProfile;

  /**
   * Present where a verified `id_token` carries the identity (OpenID Connect Core §3.1.3.7).
   * Such a sign-in makes one provider call, the code exchange. Without it, userinfo is asked.
   */
  readonly idToken?: IdTokenRules;
  /** Extra parameters of every authorization request. */
  readonly authorizationParams?: (settings: ProviderSettings) => Readonly<Record<string, string>>;
  /** The `prompt` sent when `<ID>_PROMPT` is not set. */
  readonly prompt?: string;
  /** Names of settings of its own: `['HOSTED_DOMAIN']` is read from `<ID>_HOSTED_DOMAIN`. */
  readonly ownSettings?: readonly string[];
  /** Refuses checked claims by the provider's own settings: throws an `OAuthError`, or returns. */
  checkClaims?(claims: Claims, settings: ProviderSettings): void;
  readonly quirks?: ProviderQuirks;

  /** Reads the claims where one userinfo request with a Bearer token is not enough. */
  fetchClaims?(http: ProviderHttp, accessToken: string, signal: AbortSignal): Promise<unknown>;
  /** Takes a grant back where that is not RFC 7009 at `revocation_endpoint`. Throws an `OAuthError`, or it is done. */
  revoke?(context: RevocationContext, tokens: TokenSet): Promise<void>;
  /** Builds the strategy where a published Passport strategy exists; otherwise `passport-oauth2` serves. */
  createStrategy?(options: ProviderStrategyOptions, verify: ProviderVerify): Strategy;
}

/** Addresses by the names of RFC 8414 §2. */
export interface ProviderEndpoints {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly userinfo_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly jwks_uri?: string;
}

export interface IdTokenRules {
  /** Every spelling of `iss` that is this provider; the first is the one it documents. */
  readonly issuers: readonly [string, ...string[]];
  /** Accepted `alg` values; RS256 alone unless stated. Symmetric algorithms and `none` are never accepted. */
  readonly algorithms?: readonly string[];
}

export interface ProviderQuirks {
  /** How the client proves itself at the token endpoint (RFC 6749 §2.3.1). Default: `client_secret_post`. */
  readonly tokenEndpointAuthMethod?: 'client_secret_post' | 'client_secret_basic';
}

/** What a provider says about a person, in our words. */
export interface ProviderProfile {
  /** The provider's permanent id for the person: 1 to 255 characters, compared byte by byte. */
  readonly subject: string;
  readonly email?: string;
  /** True only where the provider vouches for the address. */
  readonly emailVerified: boolean;
  readonly name?: string;
  /** An https address; anything else is dropped. */
  readonly pictureUrl?: string;
}

/** Provider tokens together. In memory only; stored nowhere but sealed. */
export interface TokenSet {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Absent where the provider states no lifetime. */
  readonly expiresAt?: Date;
  readonly scopes: readonly string[];
}

/** What a provider's own way of taking a grant back needs. */
export interface RevocationContext {
  readonly http: ProviderHttp;
  readonly settings: ProviderSettings;
  /** For the errors. */
  readonly step: Step;
}

/** The options every strategy of the Passport OAuth 2 family takes, as far as we use them. */
export interface ProviderStrategyOptions {
  readonly clientID: string;
  readonly clientSecret: string;
  readonly callbackURL: string;
  readonly authorizationURL: string;
  readonly tokenURL: string;
  readonly scope: string[];
  readonly pkce: 'S256';
  readonly store: object;
  readonly passReqToCallback: true;
  readonly skipUserProfile: true;
}

/** Passport chooses the arguments by the length of this function: six, with the request and the raw parameters. */
export type ProviderVerify = (
  request: unknown,
  accessToken: string,
  refreshToken: string | undefined,
  answer: unknown,
  profile: unknown,
  done: (error: unknown, authorization?: unknown) => void,
) => void;

/** Gives a provider its type and checks at once what a typing slip would only show at the first sign-in. */
export function defineProvider<Claims>(provider: OAuthProvider<Claims>): OAuthProvider<Claims> {
  if (!/^[a-z][a-z0-9-]{0,31}$/.test(provider.id)) {
    throw new TypeError(`Provider id "${provider.id}" must be lower case letters, digits and hyphens, 32 at most.`);
  }
  for (const [name, address] of Object.entries(provider.endpoints)) {
    if (!URL.canParse(String(address))) {
      throw new TypeError(`Provider "${provider.id}": ${name} is not an absolute URL.`);
    }
  }
  for (const origin of provider.apiOrigins ?? []) {
    if (!isOrigin(origin)) {
      throw new TypeError(
        `Provider "${provider.id}": "${origin}" in apiOrigins is not an origin like https://api.example.com.`,
      );
    }
  }
  return Object.freeze(provider);
}

/** In the spelling of a browser, without a wildcard; over plain http a token goes to this machine alone. */
function isOrigin(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { origin, protocol, hostname } = new URL(text);
  const isSafe = protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname));
  return origin === text && isSafe && !hostname.includes('*');
}
