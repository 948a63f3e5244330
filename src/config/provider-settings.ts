import type { Environment } from './environment.js';
import { webAddress } from './web-address.js';

/** A setting that one provider alone has. */
export interface OwnSetting {
  /** For the provider's page: what it decides. */
  readonly meaning: string;
  readonly default?: string;
  /** What a value looks like, as a whole. */
  readonly pattern?: RegExp;
  /** The one form of a value that has several spellings; undefined refuses it. */
  readonly canonical?: (text: string) => string | undefined;
  /** The provider cannot be configured without it. */
  readonly required?: true;
  /** A setting without which `1` means nothing. */
  readonly needs?: string;
  /** Why no account can meet this value together with the other settings; undefined where one can. */
  readonly conflict?: (
    value: string,
    settings: Pick<ProviderSettings, 'own' | 'allowedEmailDomains'>,
  ) => string | undefined;
}

/**
 * `none`: it never tells an address. `unverified`: it tells one and does not vouch for it. `verified`: it says of each
 * address whether it has checked it. `operator`: so it does, but what it says is worth what the people who run that
 * server are worth; `<ID>_TRUST_EMAILS=1` is the operator's word for them.
 */
export type EmailPolicy = 'none' | 'unverified' | 'verified' | 'operator';

/** Whether any of its addresses can count as verified. */
export function vouchesForEmails(emails: EmailPolicy | undefined, trustEmails: boolean): boolean {
  return emails === undefined || emails === 'verified' || (emails === 'operator' && trustEmails);
}

/** What must be known of a provider to read its settings. */
export interface KnownProvider {
  readonly id: string;
  readonly settings?: Readonly<Record<string, OwnSetting>>;
  /** Without addresses of its own it lives where `<ID>_ISSUER` says. */
  readonly endpoints?: object;
  /** Asked for unless `<ID>_SCOPES` says otherwise. */
  readonly scopes?: readonly string[];
  /** What its word about an address is worth. Default: `verified`. */
  readonly emails?: EmailPolicy;
}

/** The `<ID>_…` settings of one provider. */
export interface ProviderSettings {
  readonly clientId: string;
  readonly clientSecret: string;
  readonly scopes?: readonly string[];
  /** Undefined: not set. Empty: send none. */
  readonly prompt?: string;
  readonly issuer?: string;
  readonly endpoints: Partial<Record<EndpointName, string>>;
  /** False where the operator has found that this provider cannot bear PKCE. */
  readonly pkce: boolean;
  /** The operator's word for addresses which a server of somebody else calls verified. */
  readonly trustEmails: boolean;
  /** As in ALLOWED_EMAIL_DOMAINS, for a claim that names a domain; empty: any. */
  readonly allowedEmailDomains: readonly string[];
  /** The provider's own settings by their short names. */
  readonly own: Readonly<Record<string, string>>;
}

const ENDPOINT_SETTINGS = {
  authorization_endpoint: 'AUTHORIZATION_ENDPOINT',
  token_endpoint: 'TOKEN_ENDPOINT',
  userinfo_endpoint: 'USERINFO_ENDPOINT',
  revocation_endpoint: 'REVOCATION_ENDPOINT',
  jwks_uri: 'JWKS_URI',
} as const;
type EndpointName = keyof typeof ENDPOINT_SETTINGS;

type Complain = (setting: string, message: string) => void;

/** RFC 6749 §3.3, without the comma: no provider has one in a scope, but some documentation separates scopes by it. */
const SCOPE = /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]+$/;
const PROMPT = /^[a-z_]+(?: [a-z_]+)*$/;

/** First path segments that are not a provider's; and `confirm`, for `/account/link/confirm` is where a link waits for a yes. */
export const RESERVED_IDS: ReadonlySet<string> = new Set(
  ['account', 'admin', 'api', 'assets', 'confirm', 'health', 'login', 'logout', 'metrics', 'stand-in'], // prettier-ignore
);

/** The prefix of a provider's settings: `hugging-face` reads `HUGGING_FACE_CLIENT_ID`. */
export function settingPrefix(providerId: string): string {
  return providerId.toUpperCase().replaceAll('-', '_');
}

/** Every setting that a provider of this id has, whether it is configured or not. */
export function providerSettingNames({ id, settings = {} }: KnownProvider): string[] {
  const suffixes = ['CLIENT_ID', 'CLIENT_SECRET', 'SCOPES', 'PROMPT', 'ISSUER', 'PKCE', 'TRUST_EMAILS', ...Object.values(ENDPOINT_SETTINGS)]; // prettier-ignore
  return [...suffixes, ...Object.keys(settings)].map((suffix) => `${settingPrefix(id)}_${suffix}`);
}

/** Whether the environment says anything of a provider that makes it exist, be it right or wrong. */
export function isMentioned(environment: Environment, providerId: string): boolean {
  const prefix = settingPrefix(providerId);
  return ['CLIENT_ID', 'CLIENT_SECRET'].some((suffix) => present(environment, `${prefix}_${suffix}`) !== undefined);
}

/**
 * Reads the settings of one provider.
 *
 * @param refuse says why an address may not be used, or nothing
 * @returns undefined where it is not configured, and where there is a problem
 */
export function readProviderSettings(
  environment: Environment,
  { id, settings: ownSettings = {}, endpoints: fixedEndpoints, scopes: ownScopes = [] }: KnownProvider,
  complain: Complain,
  refuse: (address: URL) => string | undefined,
  allowedEmailDomains: readonly string[],
): ProviderSettings | undefined {
  const name = (suffix: string) => `${settingPrefix(id)}_${suffix}`;
  const value = (suffix: string) => present(environment, name(suffix));

  const clientId = value('CLIENT_ID');
  const clientSecret = value('CLIENT_SECRET');
  if (clientId === undefined && clientSecret === undefined) return undefined;
  if (clientId === undefined) complain(name('CLIENT_ID'), `is missing although ${name('CLIENT_SECRET')} is set`);
  if (clientSecret === undefined) complain(name('CLIENT_SECRET'), `is missing although ${name('CLIENT_ID')} is set`);

  const address = (suffix: string): string | undefined => {
    const text = value(suffix);
    if (text === undefined) return undefined;
    const result = webAddress.safeParse(text);
    const problem = result.success ? refuse(result.data) : 'must be an absolute http or https URL';
    if (problem) complain(name(suffix), problem);
    // As written: an issuer is compared byte by byte, a trailing slash included.
    return text;
  };
  const endpoints: Partial<Record<EndpointName, string>> = {};
  for (const [endpoint, suffix] of Object.entries(ENDPOINT_SETTINGS) as [EndpointName, string][]) {
    const found = address(suffix);
    if (found !== undefined) endpoints[endpoint] = found;
  }
  const own: Record<string, string> = {};
  for (const [suffix, { meaning, required, pattern, canonical, ...setting }] of Object.entries(ownSettings)) {
    const given = value(suffix);
    const found = given === undefined ? setting.default : canonical ? canonical(given) : given;
    if (found !== undefined) own[suffix] = found;
    else if (required) complain(name(suffix), `is required: ${meaning}`);
    if (given !== undefined && (found === undefined || pattern?.test(found) === false)) {
      complain(name(suffix), `has another form: ${meaning}`);
    }
    if (found === '1' && setting.needs !== undefined && present(environment, setting.needs) === undefined) {
      complain(name(suffix), `needs ${setting.needs}`);
    }
  }
  for (const [suffix, { conflict }] of Object.entries(ownSettings)) {
    const problem = own[suffix] === undefined ? undefined : conflict?.(own[suffix], { own, allowedEmailDomains });
    if (problem !== undefined) complain(name(suffix), problem);
  }
  const scopes = value('SCOPES')?.split(/\s+/);
  if (scopes?.every((scope) => SCOPE.test(scope)) === false) {
    complain(name('SCOPES'), 'must be a list of scopes that are separated by spaces');
  } else if (scopes && ownScopes.includes('openid') && !scopes.includes('openid')) {
    complain(name('SCOPES'), 'must contain openid: without it the provider sends no identity');
  }
  const prompt = environment[name('PROMPT')]?.trim();
  if (prompt && (!PROMPT.test(prompt) || prompt === 'none')) {
    complain(
      name('PROMPT'),
      'must be a prompt that the provider knows, such as consent; none would refuse every sign-in',
    );
  }
  const issuer = address('ISSUER');
  if (issuer === undefined && fixedEndpoints === undefined) {
    complain(name('ISSUER'), 'is required: the address of the server, as it calls itself');
  }
  const pkce = onOrOff(value('PKCE'), name('PKCE'), complain) ?? true;
  const trustEmails = onOrOff(value('TRUST_EMAILS'), name('TRUST_EMAILS'), complain) ?? false;
  if (clientId === undefined || clientSecret === undefined) return undefined;
  return Object.freeze({
    clientId,
    clientSecret,
    scopes,
    prompt,
    issuer,
    endpoints,
    pkce,
    trustEmails,
    allowedEmailDomains,
    own,
  });
}

function onOrOff(text: string | undefined, setting: string, complain: Complain): boolean | undefined {
  if (text !== undefined && text !== '0' && text !== '1') complain(setting, 'must be 0 or 1');
  return text === undefined ? undefined : text === '1';
}

/** An empty variable counts as not set: compose files and shells pass those along. */
export function present(environment: Environment, name: string): string | undefined {
  const text = environment[name]?.trim();
  return text === '' ? undefined : text;
}
