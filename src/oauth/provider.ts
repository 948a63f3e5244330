/**
 * What a provider is: a value. Data says nearly everything, one pure function says who a person is,
 * and a few optional members are the ways out for what data cannot say.
 *
 * A provider file is this value and nothing else; see `providers/google.ts` for a whole one.
 */
import type { Strategy } from 'passport';
import type { EmailPolicy, OwnSetting, ProviderSettings } from '../config/provider-settings.js';
import { isLoopback } from '../config/web-address.js';
import type { Step } from './oauth.errors.js';
import type { ProviderHttp } from './provider-http.js';
import type { StandardSchemaV1 } from '@standard-schema/spec';

export interface OAuthProvider<Claims = unknown> {
  /** URL segment, prefix of the settings, value of `oauth_accounts.provider`. Lower case; never rename it. */
  readonly id: string;
  /** The name people read on the button. */
  readonly label: string;
  /** The button's drawing: the path of an icon in a square of 24 units, drawn in the colour of the text. */
  readonly mark?: string;
  /** Where an operator registers an application. */
  readonly consoleUrl?: string;
  /** Where the provider documents the values in this file. */
  readonly referenceUrl?: string;
  /** What surprises an operator, in whole sentences for the provider's page. */
  readonly notes?: readonly string[];
  /** Asked for at every sign-in unless `<ID>_SCOPES` says otherwise. */
  readonly scopes: readonly string[];
  /** Where it is. `{TENANT}` stands for the own setting of that name. Without it, `<ID>_ISSUER` is asked (discovery). */
  readonly endpoints?: ProviderEndpoints;
  /** Settings of its own by their short names: `TENANT` is read from `<ID>_TENANT`. */
  readonly settings?: Readonly<Record<string, OwnSetting>>;
  /**
   * Where its API is, beside the origin of userinfo: `['https://api.example.com']`. A person's token goes to these
   * and to nowhere else; a path is relative to the first one.
   */
  readonly apiOrigins?: readonly string[];
  /** What its word about an address is worth. Default: `verified`. */
  readonly emails?: EmailPolicy;
  /** Its issuer (RFC 9207), where no `id_token` carries the identity. */
  readonly issuer?: string;
  /**
   * Present where a verified `id_token` carries the identity (OpenID Connect Core §3.1.3.7). Such a sign-in makes one
   * provider call, the code exchange; userinfo is requested only for an email address or a name that the id_token
   * lacks. Without it, userinfo is requested at every sign-in.
   */
  readonly idToken?: IdTokenRules;
  /** Extra parameters of every authorization request. */
  readonly authorizationParams?: Parameters | ((settings: ProviderSettings) => Parameters);
  /** The `prompt` sent when `<ID>_PROMPT` is not set. */
  readonly prompt?: string;
  /** How it is asked to authenticate the user again before a protected action. Absent: it documents no way. */
  readonly reauthentication?: Reauthentication;
  readonly quirks?: ProviderQuirks;
  /** Checks the provider's JSON; an answer that does not pass is refused before anything is stored. */
  readonly claims: StandardSchemaV1<unknown, Claims>;
  /**
   * Says whom the checked claims describe. Pure.
   *
   * @param details the extra parameters of the callback and the kept members of the token answer, see `quirks`
   */
  toProfile(claims: Claims, details: Details): DescribedProfile;

  /** Refuses checked claims by the provider's own settings: throws an `OAuthError`, or returns. */
  checkClaims?(claims: Claims, settings: ProviderSettings): void;
  /** Makes the client secret of one token request where it is not `<ID>_CLIENT_SECRET` itself. */
  clientSecret?(settings: ProviderSettings): Promise<string>;
  /**
   * Renames the fields of a token request, where the provider has other names than RFC 6749. An undefined field is not
   * sent. Pure.
   */
  tokenRequest?(fields: Readonly<Record<string, string | undefined>>): Readonly<Record<string, string | undefined>>;
  /**
   * Translates a token response, also one that is an error, to the names of RFC 6749 §5. A lifetime that means "never
   * expires" is left out here. Pure.
   */
  tokenResponse?(response: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>;
  /** Reads the error code of RFC 6749 §5.2 out of an error answer of another shape; undefined: none is known. */
  tokenError?(answer: Readonly<Record<string, unknown>>): string | undefined;
  /**
   * Reads an error out of a userinfo response of another shape than RFC 6750 §3.1, whatever its HTTP status:
   * `invalid_token` for a dead access token, any other text for another error, undefined for none. Pure.
   */
  userinfoError?(response: Readonly<Record<string, unknown>>): string | undefined;
  /** Reads the claims where neither the `id_token` nor one userinfo request is enough. */
  fetchClaims?(call: ClaimsCall): Promise<unknown>;
  /** Where one person's part of the provider is: a region, an instance. @throws OAuthError for a host that is not its */
  placeOf?(details: Details, settings: ProviderSettings): ProviderPlace;
  /** Revokes a grant where `quirks.revocation` cannot describe the request. @throws OAuthError */
  revoke?(context: RevocationContext, tokens: TokenSet): Promise<void>;
  /** Builds the strategy where a published Passport strategy exists; otherwise `passport-oauth2` serves. */
  createStrategy?(options: ProviderStrategyOptions, verify: ProviderVerify): Strategy;
}

type Parameters = Readonly<Record<string, string>>;
/** Strings that came beside a code or a token and decide something later. */
export type Details = Readonly<Record<string, string>>;

/** Addresses by the names of RFC 8414 §2. */
export interface ProviderEndpoints {
  readonly authorization_endpoint: string;
  readonly token_endpoint: string;
  readonly userinfo_endpoint?: string;
  readonly revocation_endpoint?: string;
  readonly jwks_uri?: string;
}

export interface ProviderPlace {
  readonly endpoints?: Partial<ProviderEndpoints>;
  readonly apiOrigins?: readonly string[];
}

/**
 * OpenID Connect Core §3.1.2.1. `max_age`: it documents this parameter and reports in the id_token when the user
 * authenticated (`auth_time`), which is verified. `prompt=login`: it authenticates the user again and reports nothing.
 */
export type Reauthentication = 'max_age' | 'prompt=login';

export interface IdTokenRules {
  /**
   * Every spelling of `iss` that is this provider; the first is the one it documents. `{tid}` stands for the token's
   * own claim of that name. Absent: the issuer is the operator's to name, in `<ID>_ISSUER`.
   */
  readonly issuers?: readonly [string, ...string[]];
  /**
   * Accepted `alg` values, RS256 alone unless stated. Those that a provider announces which describes itself take their
   * place. Symmetric algorithms and `none` are never accepted.
   */
  readonly algorithms?: readonly string[];
  /** False where the provider does not repeat our nonce. */
  readonly nonce?: false;
  /** Userinfo has no email address and no name that the id_token lacks: a sign-in never requests it. */
  readonly withoutUserinfo?: true;
}

/** How a provider departs from RFC 6749, as data. */
export interface ProviderQuirks {
  /** Between scopes, in the request and in the token answer. Default: a space. */
  readonly scopeSeparator?: ',';
  /** Between scopes in the token answer, where it is another than in the request. */
  readonly grantedScopeSeparator?: ',';
  /** The name under which the client id travels. Default: `client_id`. */
  readonly clientIdParameter?: string;
  /** The callback is a form that the provider makes the browser send (OAuth 2.0 Form Post Response Mode). */
  readonly responseMode?: 'form_post';
  /**
   * It adds a fragment to the redirect URI. A browser carries that over every redirect whose address has none, so the
   * page after the sign-in is named with an empty one.
   */
  readonly appendsFragment?: true;
  /** It refuses PKCE, checks it in a way of its own or does not document it. Default: S256 is sent. */
  readonly pkce?: false;
  /** The name of the code in the callback. Default: `code`. */
  readonly codeParameter?: string;
  /** Parameters of the callback that are read beside the standard's; they are among the details. */
  readonly callbackParameters?: readonly string[];
  /** What `error` says in a callback when the person said no, beside `access_denied`. */
  readonly deniedErrors?: readonly string[];

  /** How the client proves itself at the token endpoint (RFC 6749 §2.3.1). Default: `client_secret_post`. */
  readonly tokenEndpointAuthMethod?: 'client_secret_post' | 'client_secret_basic';
  /**
   * The token endpoint takes JSON, or a GET with everything in the query, the client secret too. Default: a form. The
   * query is only for a provider that documents nothing else; its notes say so.
   */
  readonly tokenRequestFormat?: 'json' | 'query';
  /** Fields of every code exchange beside the standard's; see `placeholders.ts` for values such as `{device_id}`. */
  readonly exchangeParameters?: Parameters;
  /** The same for every refresh. `scope: '{scopes}'` repeats what was granted. */
  readonly refreshParameters?: Parameters;
  /**
   * Where tokens are renewed, where that is not the token endpoint: a path relative to it, so that a refresh goes to the
   * server that the settings name.
   */
  readonly refreshEndpoint?: string;
  /** The member of the token answer that holds the scopes. Default: `scope`. */
  readonly scopeMember?: string;
  /** Values of `error` that mean what `invalid_grant` does: the code or the grant is dead. */
  readonly invalidGrantErrors?: readonly string[];
  /** Values of `error` that mean what `invalid_client` does: the client id or the secret is wrong. */
  readonly invalidClientErrors?: readonly string[];
  /** Members of the token answer, and details of the callback, that are sealed and kept with the tokens. */
  readonly keptDetails?: readonly string[];

  /** Headers of every call. `{USER_AGENT}` stands for an own setting. */
  readonly headers?: Parameters;
  /** The headers that carry `{access_token}` to its API. Default: `Authorization: Bearer`; none where it is empty. */
  readonly tokenHeaders?: Parameters;
  readonly userinfo?: UserinfoRequest;
  /** How a grant is revoked, where that is not RFC 7009; an object is the fields of a form, with placeholders. */
  readonly revocation?: RevocationStyle | Parameters;
  /** With RFC 7009 the access token is sent. Default: the refresh token, where there is one. */
  readonly revokedToken?: 'access_token';
}

/** How userinfo is requested, where that is not a plain GET. Texts can have placeholders, see `placeholders.ts`. */
export interface UserinfoRequest {
  readonly method?: 'POST';
  readonly query?: Parameters | ((accessToken: string, settings: ProviderSettings) => Parameters);
  /** The fields of a form that is sent by POST and without `tokenHeaders`. */
  readonly form?: Parameters;
  /** A JSON body, sent by POST beside the header: the query of a GraphQL API. `claims` checks the whole response. */
  readonly json?: Readonly<Record<string, unknown>>;
  /** Its answer does not name the subject as the id_token does, so the two cannot be compared. */
  readonly isAnonymous?: true;
}

/**
 * All of them send the access token. `access_token`: RFC 7009 with that field name. `bearer`: an empty POST with the
 * token in `Authorization`. `json`: RFC 7009 in JSON.
 */
export type RevocationStyle = 'access_token' | 'bearer' | 'json';

/** What a provider says about a person, in our words. */
export interface ProviderProfile {
  /** The provider's permanent id for the person: 1 to 255 characters, compared byte by byte. */
  readonly subject: string;
  /**
   * Ids that the provider vouches for beside it, and that were the subject before it replaced them. A link that is
   * stored under one of them is this user's, and moves to the subject at the next sign-in.
   */
  readonly formerSubjects?: readonly string[];
  readonly email?: string;
  /** True only where the provider vouches for the address. */
  readonly emailVerified: boolean;
  readonly name?: string;
  /** An https address; anything else is dropped. */
  readonly pictureUrl?: string;
}

/** The profile as a provider's file tells it: of an address that `emails` does not vouch for it need not speak. */
export type DescribedProfile = Omit<ProviderProfile, 'emailVerified'> & { readonly emailVerified?: boolean };

/** Provider tokens together. In memory only; stored nowhere but sealed. */
export interface TokenSet {
  readonly accessToken: string;
  readonly refreshToken?: string;
  /** Absent where the provider states no lifetime. */
  readonly expiresAt?: Date;
  readonly scopes: readonly string[];
  /** What else was said that later calls need, by the names of `quirks.keptDetails`. */
  readonly details?: Details;
}

/** What a provider's own way of reading claims may do. */
export interface ClaimsCall {
  /** The usual userinfo request. */
  readonly userinfo: () => Promise<Record<string, unknown>>;
  /**
   * Asks another address of the provider with the person's token.
   *
   * @param options `optional`: an answer of 403 or 404 is no failure but undefined
   * @returns the JSON it answers
   */
  readonly get: (address: string, options?: { readonly optional?: true }) => Promise<unknown>;
  /** The token answer as it came. */
  readonly answer: Readonly<Record<string, unknown>>;
  readonly endpoints: ProviderEndpoints;
  readonly settings: ProviderSettings;
}

/** What a provider's own revocation needs. */
export interface RevocationContext {
  readonly http: ProviderHttp;
  readonly endpoints: ProviderEndpoints;
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
  readonly scopeSeparator: string;
  readonly pkce: 'S256' | undefined;
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
  for (const [name, address] of Object.entries(provider.endpoints ?? {})) {
    if (!URL.canParse(String(address).replace(/\{[A-Z_]+\}/g, 'x'))) {
      throw new TypeError(`Provider "${provider.id}": ${name} is not an absolute URL.`);
    }
  }
  if (URL.canParse(provider.quirks?.refreshEndpoint ?? '')) {
    throw new TypeError(`Provider "${provider.id}": refreshEndpoint is not a path relative to the token endpoint.`);
  }
  for (const origin of provider.apiOrigins ?? []) {
    if (!isOrigin(origin)) {
      throw new TypeError(
        `Provider "${provider.id}": "${origin}" in apiOrigins is not an origin like https://api.example.com.`,
      );
    }
  }
  if (provider.reauthentication === 'max_age' && (!provider.idToken || provider.fetchClaims)) {
    throw new TypeError(`Provider "${provider.id}": max_age needs a verified id_token, which carries auth_time.`);
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
