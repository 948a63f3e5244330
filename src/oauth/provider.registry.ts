import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { type Config, ConfigurationError } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { type ProviderSettings, RESERVED_IDS, settingPrefix, vouchesForEmails } from '../config/provider-settings.js';
import { unmetRestrictions } from '../config/restrictions.js';
import type { Problem } from '../config/settings.js';
import { ProviderDiscovery } from './discovery.js';
import { OAuthError } from './oauth.errors.js';
import { fillIn } from './placeholders.js';
import { type ProviderAnswer, ProviderHttp } from './provider-http.js';
import type { Details, OAuthProvider, ProviderEndpoints } from './provider.js';
import { own } from '../text/own.js';

/** Settings of the built-in stand-in, for providers that the environment does not configure. */
export const STAND_IN_SETTINGS = Symbol('stand-in settings');
export type StandInSettings = Readonly<Record<string, ProviderSettings>>;

/** A provider together with what this installation says about it. */
export class ConfiguredProvider {
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Accepted spellings of `iss`, `{claim}` open in them; empty for a provider that is known by its addresses only. */
  readonly issuers: readonly string[];
  /** What its file says of its addresses, and what the settings say instead. */
  readonly #written: Partial<ProviderEndpoints>;
  readonly #discovery: ProviderDiscovery;

  constructor(
    readonly provider: OAuthProvider,
    readonly settings: ProviderSettings,
    private readonly http: ProviderHttp,
    private readonly baseUrl: string,
  ) {
    this.redirectUri = `${baseUrl}/${provider.id}/authorized`;
    this.scopes = settings.scopes ?? provider.scopes;
    this.issuers =
      settings.issuer === undefined
        ? (provider.idToken?.issuers ?? (provider.issuer === undefined ? [] : [provider.issuer]))
        : [settings.issuer];
    this.#discovery = new ProviderDiscovery(http, settings.issuer ?? '');
    const written: Partial<ProviderEndpoints> = fillIn({ settings }, { ...provider.endpoints });
    this.#written = settings.issuer === undefined ? written : {};
    // Named by the operator or in the provider's file, in contrast to what discovery will tell.
    const named = Object.values({ ...written, ...settings.endpoints, issuer: settings.issuer });
    http.trust([...named.filter((address) => address !== undefined), ...(provider.apiOrigins ?? [])]);
  }

  /** The same provider over connections of its own, with nothing remembered of what it said before. */
  over(http: ProviderHttp): ConfiguredProvider {
    return new ConfiguredProvider(this.provider, this.settings, http, this.baseUrl);
  }

  get id(): string {
    return this.provider.id;
  }

  get label(): string {
    return this.provider.label;
  }

  /** Headers of every call, with the own settings filled in. */
  get headers(): Readonly<Record<string, string>> {
    return fillIn(this, { ...this.provider.quirks?.headers });
  }

  get usesPkce(): boolean {
    return this.settings.pkce && this.provider.quirks?.pkce !== false;
  }

  /** Whether our nonce comes back in the id_token. */
  get usesNonce(): boolean {
    return this.provider.idToken !== undefined && this.provider.idToken.nonce !== false;
  }

  /** @throws ConfigurationError when it cannot be made from what the operator set */
  async clientSecret(): Promise<string> {
    try {
      return (await this.provider.clientSecret?.(this.settings)) ?? this.settings.clientSecret;
    } catch {
      const setting = `${settingPrefix(this.id)}_CLIENT_SECRET`;
      throw new ConfigurationError([{ setting, message: `is not what ${this.label} gives for it` }]);
    }
  }

  /**
   * Where the provider is. Asks it only when the settings name its issuer and leave its addresses open.
   *
   * @param details of the person it is asked about, where that decides
   */
  async endpoints(signal?: AbortSignal, details: Details = {}): Promise<ProviderEndpoints> {
    const place = this.provider.placeOf?.(details, this.settings).endpoints;
    const named = { ...this.#written, ...place, ...this.settings.endpoints };
    if (isComplete(named, this.provider)) return named;
    return { ...(await this.#discovery.read(signal)).endpoints, ...this.settings.endpoints };
  }

  /** Where claims are asked live; undefined for a provider that has no such address. */
  async userinfoEndpoint(signal?: AbortSignal, details?: Details): Promise<string | undefined> {
    const { userinfo_endpoint } = await this.endpoints(signal, details);
    if (userinfo_endpoint !== undefined || this.settings.issuer === undefined) return userinfo_endpoint;
    return (await this.#discovery.read(signal)).endpoints.userinfo_endpoint;
  }

  /** Where tokens are renewed: at the server of the token endpoint, which the settings can name. */
  async refreshEndpoint(signal?: AbortSignal, details?: Details): Promise<string> {
    const { token_endpoint } = await this.endpoints(signal, details);
    const relative = this.provider.quirks?.refreshEndpoint;
    return relative === undefined ? token_endpoint : new URL(relative, token_endpoint).href;
  }

  /** Where tokens are revoked (RFC 7009); undefined for a provider that has no such address. */
  async revocationEndpoint(details?: Details): Promise<string | undefined> {
    const { revocation_endpoint } = await this.endpoints(undefined, details);
    if (revocation_endpoint !== undefined || this.settings.issuer === undefined) return revocation_endpoint;
    return (await this.#discovery.read()).endpoints.revocation_endpoint;
  }

  /**
   * Where the provider's API may be called with a person's token; the first one is what a path is relative to.
   * Where the settings name another installation of the provider, it is that one alone: by its userinfo endpoint, or by
   * its token endpoint where the provider has no userinfo.
   */
  async apiOrigins(details: Details = {}): Promise<readonly string[]> {
    const userinfo = await this.userinfoEndpoint(undefined, details);
    const { issuer, endpoints } = this.settings;
    const named = userinfo === undefined ? endpoints.token_endpoint : endpoints.userinfo_endpoint;
    const isElsewhere = issuer !== undefined || named !== undefined;
    const place = this.provider.placeOf?.(details, this.settings).apiOrigins ?? [];
    const declared = isElsewhere ? [] : (this.provider.apiOrigins ?? []);
    return [...new Set([...place, ...declared, ...(userinfo === undefined ? [] : [new URL(userinfo).origin])])];
  }

  /** How we prove ourselves at the token endpoint: as its file says, or as a server that describes itself does. */
  async tokenEndpointAuthMethod(signal?: AbortSignal): Promise<'client_secret_post' | 'client_secret_basic'> {
    const method = this.provider.quirks?.tokenEndpointAuthMethod;
    if (method !== undefined || this.provider.endpoints !== undefined) return method ?? 'client_secret_post';
    return (await this.#discovery.read(signal)).tokenEndpointAuthMethod;
  }

  /** How an id_token may be signed: as its file says, or as a server announces that describes itself. */
  async idTokenAlgorithms(signal?: AbortSignal): Promise<readonly string[]> {
    if (!this.describesItself) return this.provider.idToken?.algorithms ?? ['RS256'];
    return (await this.#discovery.read(signal)).idTokenAlgorithms;
  }

  /** Whether its addresses are asked of itself (discovery), and not all named. */
  get describesItself(): boolean {
    return !isComplete({ ...this.#written, ...this.settings.endpoints }, this.provider);
  }

  /** Whether a callback without `iss` must be refused (RFC 9207 §2.4). Asks only a provider that describes itself. */
  async promisesIssuer(): Promise<boolean> {
    if (!this.describesItself) return false;
    return (await this.#discovery.read()).promisesIssuer;
  }

  /** Whether `issuer`, as a callback names it, is this provider. */
  isIssuer(issuer: string): boolean {
    // A provider that is known by its addresses only has nothing to compare with.
    return this.issuers.length === 0 || this.issuers.some((spelling) => issuerPattern(spelling).test(issuer));
  }

  /** Where a browser can be sent, without a request to the provider; discovery can name another origin. */
  get authorizationOrigins(): readonly string[] {
    const { issuer, endpoints } = this.settings;
    const known = [
      issuer,
      ...[this.#written, this.#discovery.current?.endpoints, endpoints].map((each) => each?.authorization_endpoint),
    ];
    return known.flatMap((address) => (address !== undefined && URL.canParse(address) ? new URL(address).origin : []));
  }

  /** Whether a sign-in can end well, as far as the last calls tell: false while the provider does not answer. */
  get isAvailable(): boolean {
    if (this.#discovery.isDown) return false;
    const known = { ...this.#discovery.current?.endpoints, ...this.#written, ...this.settings.endpoints };
    const { idToken } = this.provider;
    const asked = [
      known.token_endpoint,
      idToken ? known.jwks_uri : undefined,
      idToken ? undefined : known.userinfo_endpoint,
    ];
    return !asked.some((address) => address !== undefined && this.http.isDown(address, 'sign-in'));
  }

  /**
   * Sends a request to an address of the provider. Where that is gone (RFC 9110 §15.5.5, §15.5.11) and the provider
   * describes itself, the request goes to the address that has taken its place.
   *
   * @param send is called with the address, at most twice
   */
  async reach(
    address: string,
    send: (address: string) => Promise<ProviderAnswer>,
    signal?: AbortSignal,
  ): Promise<ProviderAnswer> {
    const answer = await send(address);
    if (answer.status !== 404 && answer.status !== 410) return answer;
    const successor = await this.#discovery.successorOf(address, signal);
    return successor === undefined ? answer : send(successor);
  }
}

/** Which providers exist and are configured. */
@Injectable()
export class ProviderRegistry implements OnApplicationBootstrap {
  readonly #providers = new Map<string, ConfiguredProvider>();
  /** Of every provider that was added, configured or not. */
  readonly #ids = new Set<string>();
  // Passport keeps strategies in one process-wide table; two applications in a process must not share entries.
  readonly #instance = randomUUID();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(STAND_IN_SETTINGS) private readonly standIns: StandInSettings,
    private readonly http: ProviderHttp,
  ) {}

  /** Takes a provider in when it is configured. @throws ConfigurationError, also for a second one of that id */
  add(provider: OAuthProvider): ConfiguredProvider | undefined {
    const { id } = provider;
    if (this.#providers.has(id)) throw ofExtension(`bring a second provider with the id "${id}"`);
    if (RESERVED_IDS.has(id)) throw ofExtension(`bring a provider with the id "${id}", which is a route of Gatehouse`);
    this.#ids.add(id);
    const settings = this.config.provider(provider) ?? own(this.standIns, id);
    if (!settings) return undefined;
    const configured = new ConfiguredProvider(provider, settings, this.http, this.config.baseUrl);
    this.#providers.set(provider.id, configured);
    return configured;
  }

  onApplicationBootstrap(): void {
    const problems: Problem[] = [];
    if (this.#providers.size === 0) {
      const message = `no provider is configured, so no user could sign in${this.config.production ? '' : '; the stand-in needs a loopback BASE_URL and HOST, and a database on this machine'}`; // prettier-ignore
      problems.push({ setting: '<ID>_CLIENT_ID', message });
    } else {
      problems.push(...unmetRestrictions(this.config, this.#methods()));
    }
    if (problems.length > 0) throw new ConfigurationError(problems);
  }

  #methods() {
    return this.list().map(({ id, provider: { emails }, settings: { trustEmails } }) => ({
      id,
      vouches: vouchesForEmails(emails, trustEmails),
    }));
  }

  /** @throws OAuthError `unknown_provider` */
  get(id: string): ConfiguredProvider {
    const configured = this.#providers.get(id);
    if (!configured) throw new OAuthError('unknown_provider', 'begin', 'not configured');
    return configured;
  }

  list(): readonly ConfiguredProvider[] {
    return [...this.#providers.values()];
  }

  has(id: string): boolean {
    return this.#providers.has(id);
  }

  /** Whether settings could configure a provider of this id, whether they do or not. */
  exists(id: string): boolean {
    return this.#ids.has(id) || this.config.providerIds.includes(id);
  }

  get baseUrl(): string {
    return this.config.baseUrl;
  }

  /** Whether a provider here is played by the built-in stand-in. */
  get hasStandIn(): boolean {
    return Object.keys(this.standIns).length > 0;
  }

  /** First path segments that begin or end a sign-in: no user is sent back to one of them. */
  get signInRoutes(): readonly string[] {
    return ['login', 'logout', ...this.#providers.keys()];
  }

  /** The name of a provider's strategy in Passport's table. */
  strategyName(id: string): string {
    return `${id} ${this.#instance}`;
  }
}

function ofExtension(message: string): ConfigurationError {
  return new ConfigurationError([{ setting: 'EXTENSIONS', message }]);
}

/** Whether a sign-in can be made from these addresses without asking the provider for more. */
function isComplete(endpoints: Partial<ProviderEndpoints>, provider: OAuthProvider): endpoints is ProviderEndpoints {
  const { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint } = endpoints;
  const { idToken } = provider;
  const asksUserinfo = !idToken && !provider.fetchClaims;
  return (
    authorization_endpoint !== undefined &&
    token_endpoint !== undefined &&
    (!idToken || jwks_uri !== undefined) &&
    (!asksUserinfo || userinfo_endpoint !== undefined)
  );
}

/** `https://…/{tid}/v2.0`, where the token's own claim decides, as what a callback may name. */
function issuerPattern(spelling: string): RegExp {
  const parts = spelling.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[\\w-]+')}$`);
}
