import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { type Config, ConfigurationError, type ProviderSettings } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { discover, type DiscoveredProvider } from './discovery.js';
import { OAuthError } from './oauth.errors.js';
import { ProviderHttp } from './provider-http.js';
import type { OAuthProvider, ProviderEndpoints } from './provider.js';
import { waitUntil } from './shared-read.js';

/** Settings that stand in for the environment: the built-in stand-in speaks as a provider that nobody configured. */
export const STAND_IN_SETTINGS = Symbol('stand-in settings');
export type StandInSettings = Readonly<Record<string, ProviderSettings>>;

/** A provider together with what this installation says about it. */
export class ConfiguredProvider {
  readonly redirectUri: string;
  readonly scopes: readonly string[];
  /** Accepted spellings of `iss`; empty for a provider that is known by its addresses only. */
  readonly issuers: readonly string[];
  #discovery: Promise<DiscoveredProvider> | undefined;

  constructor(
    readonly provider: OAuthProvider,
    readonly settings: ProviderSettings,
    private readonly http: ProviderHttp,
    baseUrl: string,
  ) {
    this.redirectUri = `${baseUrl}/${provider.id}/authorized`;
    this.scopes = settings.scopes ?? provider.scopes;
    this.issuers = settings.issuer === undefined ? (provider.idToken?.issuers ?? []) : [settings.issuer];
  }

  get id(): string {
    return this.provider.id;
  }

  get label(): string {
    return this.provider.label;
  }

  /** Where the provider is. Asks it only when the settings name another issuer and leave its addresses open. */
  async endpoints(signal?: AbortSignal): Promise<ProviderEndpoints> {
    const { issuer, endpoints } = this.settings;
    const known = { ...(issuer === undefined ? this.provider.endpoints : {}), ...endpoints };
    if (isComplete(known, this.provider)) return known;
    return { ...(await this.#discovered(signal)).endpoints, ...endpoints };
  }

  /** Where claims are asked live; undefined for a provider that has no such address. */
  async userinfoEndpoint(signal?: AbortSignal): Promise<string | undefined> {
    const { userinfo_endpoint } = await this.endpoints(signal);
    if (userinfo_endpoint !== undefined || this.settings.issuer === undefined) return userinfo_endpoint;
    return (await this.#discovered(signal)).endpoints.userinfo_endpoint;
  }

  /** Where tokens are taken back (RFC 7009); undefined for a provider that has no such address. */
  async revocationEndpoint(): Promise<string | undefined> {
    const { revocation_endpoint } = await this.endpoints();
    if (revocation_endpoint !== undefined || this.settings.issuer === undefined) return revocation_endpoint;
    return (await this.#discovered()).endpoints.revocation_endpoint;
  }

  /**
   * Where the provider's API may be called with a person's token; the first one is what a path is relative to.
   * Where the settings name another installation of the provider, it is that one alone.
   */
  async apiOrigins(): Promise<readonly string[]> {
    const userinfo = await this.userinfoEndpoint();
    const isElsewhere = this.settings.issuer !== undefined || this.settings.endpoints.userinfo_endpoint !== undefined;
    const declared = isElsewhere ? [] : (this.provider.apiOrigins ?? []);
    return [...new Set([...declared, ...(userinfo === undefined ? [] : [new URL(userinfo).origin])])];
  }

  /** Whether a callback without `iss` must be refused (RFC 9207 §2.4). */
  async promisesIssuer(): Promise<boolean> {
    return this.#discovery === undefined ? false : (await this.#discovery).promisesIssuer;
  }

  /** The addresses that pages may lead to (`form-action`), as far as they are known without asking. */
  get authorizationOrigin(): string | undefined {
    const { issuer, endpoints } = this.settings;
    const address = endpoints.authorization_endpoint ?? issuer ?? this.provider.endpoints.authorization_endpoint;
    return URL.canParse(address) ? new URL(address).origin : undefined;
  }

  async #discovered(signal?: AbortSignal): Promise<DiscoveredProvider> {
    this.#discovery ??= discover(this.http, this.settings.issuer ?? '').catch((error: unknown) => {
      // The next one asks again: a provider that was down must not stay down.
      this.#discovery = undefined;
      throw error;
    });
    return waitUntil(signal, this.#discovery, 'discovery');
  }
}

/** Which providers exist and are configured. */
@Injectable()
export class ProviderRegistry implements OnApplicationBootstrap {
  readonly #providers = new Map<string, ConfiguredProvider>();
  // Passport keeps strategies in one process-wide table; two applications in a process must not share entries.
  readonly #instance = randomUUID();

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    @Inject(STAND_IN_SETTINGS) private readonly standIns: StandInSettings,
    private readonly http: ProviderHttp,
  ) {}

  /** Takes a provider in when it is configured. @throws ConfigurationError, TypeError for a second one of that id */
  add(provider: OAuthProvider): ConfiguredProvider | undefined {
    if (this.#providers.has(provider.id)) throw new TypeError(`Two providers have the id "${provider.id}".`);
    const settings = this.config.provider(provider.id, provider.ownSettings) ?? this.standIns[provider.id];
    if (!settings) return undefined;
    // Named by the operator or in the provider's file, in contrast to what discovery will tell.
    const named = Object.values({ ...provider.endpoints, ...settings.endpoints, issuer: settings.issuer });
    this.http.trust([...named.filter((address) => address !== undefined), ...(provider.apiOrigins ?? [])]);
    const configured = new ConfiguredProvider(provider, settings, this.http, this.config.baseUrl);
    this.#providers.set(provider.id, configured);
    return configured;
  }

  onApplicationBootstrap(): void {
    if (this.#providers.size === 0 && this.config.production) {
      throw new ConfigurationError([
        { setting: '<ID>_CLIENT_ID', message: 'no provider is configured, so nobody could sign in' },
      ]);
    }
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

  get baseUrl(): string {
    return this.config.baseUrl;
  }

  /** Whether a provider here is played by the built-in stand-in. */
  get hasStandIn(): boolean {
    return Object.keys(this.standIns).length > 0;
  }

  /** First path segments that begin or end a sign-in: nobody is sent back to one of them. */
  get signInRoutes(): readonly string[] {
    return ['login', 'logout', ...this.#providers.keys()];
  }

  /** The name of a provider's strategy in Passport's table. */
  strategyName(id: string): string {
    return `${id} ${this.#instance}`;
  }
}

function isComplete(endpoints: Partial<ProviderEndpoints>, provider: OAuthProvider): endpoints is ProviderEndpoints {
  return (
    endpoints.authorization_endpoint !== undefined &&
    endpoints.token_endpoint !== undefined &&
    (provider.idToken ? endpoints.jwks_uri !== undefined : endpoints.userinfo_endpoint !== undefined)
  );
}
