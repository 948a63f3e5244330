/**
 * The environment as one frozen, typed value. Every problem is found at start and all of them are told
 * at once, by the name of the setting and never by its value.
 */
import { resolve } from 'node:path';
import { sslModeWarning, withPlainSslMode } from './database-address.js';
import { developmentKey } from './development-key.js';
import type { Environment } from './environment.js';
import { misspellings, unknownNames } from './misspellings.js';
import { PlainError } from './plain-error.js';
import {
  type KnownProvider,
  present,
  type ProviderSettings,
  providerSettingNames,
  readProviderSettings,
  RESERVED_IDS,
  settingPrefix,
  vouchesForEmails,
} from './provider-settings.js';
import { unmetRestrictions } from './restrictions.js';
import type { SecretKey } from './secret-keys.js';
import { type Problem, SETTINGS, type Settings, settingsIn } from './settings.js';
import { standInProblems } from './stand-in.js';
import type { Warning } from './warning.js';
import { isLoopback } from './web-address.js';

export interface Config {
  readonly production: boolean;
  readonly host: string;
  /** 0 until a free port has been picked. */
  readonly port: number;
  /** Origin, without a trailing slash: the only source of absolute URLs, redirect URIs, cookie names and flags. */
  readonly baseUrl: string;
  /** True where cookies carry `Secure` and the `__Host-` prefix. */
  readonly https: boolean;
  /** Absent: the embedded Postgres in `dataDir`. */
  readonly databaseUrl: string | undefined;
  readonly databasePoolSize: number;
  readonly dataDir: string;
  /** Newest first: the first one seals, all of them open. */
  readonly secretKeys: readonly SecretKey[];
  readonly sessionIdleDays: number;
  readonly sessionAbsoluteDays: number;
  readonly sessionsPerUser: number;
  readonly attemptRetentionDays: number;
  readonly signUp: 'open' | 'closed' | 'invited';
  readonly allowedEmailDomains: readonly string[];
  /** `provider:subject`, as written. */
  readonly adminAccounts: readonly string[];
  /** Every provider that settings can name: those that come with Gatehouse, configured or not, and OIDC_PROVIDERS. */
  readonly providerIds: readonly string[];
  /** Whether the built-in stand-in plays Google: in development, where no provider is configured and only this machine gets to it. */
  readonly standIn: boolean;
  /** OpenID providers that need no code, in their order. */
  readonly oidcProviders: readonly { readonly id: string; readonly label: string }[];
  readonly trustProxy: number | readonly string[] | undefined;
  /** Per client address; 0 for no limit. */
  readonly rateLimitSignInsPerMinute: number;
  readonly rateLimitApiPerMinute: number;
  readonly httpKeepAliveSeconds: number;
  readonly extensions: readonly string[];
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace';
  readonly logFormat: 'pretty' | 'json';
  /** For the log and the diagnostics. */
  readonly warnings: readonly Warning[];
  /** Names in the environment that begin like settings and are none. */
  readonly unknownNames: readonly string[];
  /** What the environment says about a provider; undefined when it is not configured. @throws ConfigurationError */
  provider(known: KnownProvider): ProviderSettings | undefined;
}

/** Where the data lies: all that a command needs which serves nobody. */
export type DatabaseConfig = Pick<Config, 'databaseUrl' | 'dataDir'>;
/** The same, with the keys that open what is sealed there. */
export type SealedDatabaseConfig = DatabaseConfig & Pick<Config, 'secretKeys'>;

/** Why Gatehouse does not start. The message is made for the person at the terminal. */
export class ConfigurationError extends PlainError {
  override readonly name = 'ConfigurationError';

  constructor(
    readonly problems: readonly Problem[],
    options?: ErrorOptions,
  ) {
    const width = Math.max(...problems.map(({ setting }) => setting.length));
    const lines = problems.map(({ setting, message }) => `  ${setting.padEnd(width)}  ${message}`);
    const count = problems.length === 1 ? 'one setting needs' : `${problems.length} settings need`;
    super(`Gatehouse cannot start: ${count} attention.\n${lines.join('\n')}`, options);
  }
}

/**
 * Reads and checks the whole environment.
 *
 * @param catalogue providers whose settings are checked now; those of extensions are checked when they load
 * @param ids of all providers that come with Gatehouse, those that were not read because nothing mentions them too
 * @throws ConfigurationError with every problem
 */
export function loadConfig(
  environment: Environment,
  catalogue: readonly KnownProvider[],
  ids: readonly string[] = catalogue.map(({ id }) => id),
): Config {
  const { problems, standInObstacles, config } = readConfig(environment, catalogue, ids);
  const all = [...problems, ...standInObstacles];
  if (all.length > 0) throw new ConfigurationError(all);
  return config();
}

/** The same for the diagnostics, which examine an installation also where the stand-in must not play Google. */
export function loadExaminedConfig(
  environment: Environment,
  catalogue: readonly KnownProvider[],
  ids: readonly string[],
): Config {
  const { problems, config } = readConfig(environment, catalogue, ids);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return config();
}

interface Reading {
  readonly problems: readonly Problem[];
  /** Why the stand-in must not play Google although it would; empty where it would not. */
  readonly standInObstacles: readonly Problem[];
  /** Only where there is no problem. */
  readonly config: () => Config;
}

function readConfig(environment: Environment, catalogue: readonly KnownProvider[], ids: readonly string[]): Reading {
  const given = settingsIn(environment);
  const { production, problems, complain, read, required } = given;
  const insecureTransport = read('OAUTH_INSECURE_TRANSPORT') === '1';
  const httpAllowedAt = (address: URL) =>
    production ? insecureTransport && isLoopback(address.hostname) : insecureTransport || isLoopback(address.hostname);

  const host = read('HOST') ?? (production ? '0.0.0.0' : '127.0.0.1');
  const port = read('PORT') ?? 3000;
  const declaredAddress = required(
    'BASE_URL',
    'the https address browsers use, for example https://sign-in.example.org',
  );
  const baseAddress = declaredAddress ?? new URL(`http://localhost:${port}`);
  if (declaredAddress?.protocol === 'http:' && !httpAllowedAt(declaredAddress)) {
    complain('BASE_URL', insecureAdvice(production));
  }
  if (baseAddress.href !== `${baseAddress.origin}/`) {
    complain('BASE_URL', 'must be an origin: scheme, host and port, without a path');
  }

  const database = readDatabase(given);
  const declaredKeys = readKeys(given);

  const trustProxy = read('TRUST_PROXY');
  if (trustProxy && typeof trustProxy === 'object' && 'problem' in trustProxy)
    complain('TRUST_PROXY', trustProxy.problem);

  const allowedEmailDomains = read('ALLOWED_EMAIL_DOMAINS') ?? [];
  const readProvider = (known: KnownProvider, found: typeof complain) =>
    readProviderSettings(
      environment,
      known,
      found,
      (address) => (address.protocol === 'https:' || httpAllowedAt(address) ? undefined : insecureAdvice(production)),
      allowedEmailDomains,
    );
  const named = read('OIDC_PROVIDERS') ?? [];
  for (const id of named) {
    if (ids.includes(id)) complain('OIDC_PROVIDERS', `"${id}" is built in, choose another name`);
    if (RESERVED_IDS.has(id)) complain('OIDC_PROVIDERS', `"${id}" is a route of Gatehouse, choose another name`);
    const secrets = ['CLIENT_ID', 'CLIENT_SECRET'].map((suffix) => `${settingPrefix(id)}_${suffix}`);
    if (secrets.some((setting) => present(environment, setting) !== undefined)) continue;
    for (const setting of secrets) complain(setting, `is required: OIDC_PROVIDERS names "${id}"`);
  }
  const configured = [...catalogue, ...named.map((id): KnownProvider => ({ id, emails: 'operator' }))].flatMap(
    (known) => {
      const provider = readProvider(known, complain);
      return provider ? [{ id: known.id, vouches: vouchesForEmails(known.emails, provider.trustEmails) }] : [];
    },
  );
  const attempted = problems.some(({ setting }) => /_CLIENT_(ID|SECRET)$/.test(setting));
  const isUnconfigured = configured.length === 0 && !attempted;

  const settings = {
    databasePoolSize: read('DATABASE_POOL_SIZE') ?? 10,
    sessionIdleDays: read('SESSION_IDLE_DAYS') ?? 14,
    sessionAbsoluteDays: read('SESSION_ABSOLUTE_DAYS') ?? 90,
    sessionsPerUser: read('SESSIONS_PER_USER') ?? 100,
    attemptRetentionDays: read('ATTEMPT_RETENTION_DAYS') ?? 30,
    signUp: read('SIGN_UP') ?? 'open',
    allowedEmailDomains,
    adminAccounts: read('ADMIN_ACCOUNTS') ?? [],
    oidcProviders: named.map((id) => ({ id, label: present(environment, `${settingPrefix(id)}_LABEL`) ?? capitalised(id) })), // prettier-ignore
    rateLimitSignInsPerMinute: read('RATE_LIMIT_SIGN_INS_PER_MINUTE') ?? 60,
    rateLimitApiPerMinute: read('RATE_LIMIT_API_PER_MINUTE') ?? 600,
    httpKeepAliveSeconds: read('HTTP_KEEP_ALIVE_SECONDS') ?? 75,
    extensions: read('EXTENSIONS') ?? [],
    logLevel: read('LOG_LEVEL') ?? 'info',
    logFormat: read('LOG_FORMAT') ?? (production ? 'json' : 'pretty'),
    providerIds: [...ids, ...named],
  } as const;
  // What an extension brings is not known yet; the registry looks again once it is loaded.
  const isComplete = settings.extensions.length === 0;
  if (isComplete && !attempted) {
    // The stand-in plays Google.
    const methods = isUnconfigured ? [{ id: 'google', vouches: true }] : configured;
    unmetRestrictions(settings, methods).forEach(({ setting, message }) => complain(setting, message));
  }
  const names = settingNames([...catalogue, ...settings.providerIds.map((id) => ({ id }))], named);
  const misspelled = misspellings(environment, names);
  if (production) {
    misspelled.forEach(({ setting, meant }) => complain(setting, `is not a setting. ${renameAdvice(meant)}`));
  }

  const wantsStandIn = !production && isUnconfigured;
  const standInObstacles = wantsStandIn ? standInProblems({ host, baseAddress, ...database }, environment) : [];
  if (production) {
    refuseInProduction(environment, complain);
    if (isUnconfigured && isComplete) {
      for (const setting of ['GOOGLE_CLIENT_ID', 'GOOGLE_CLIENT_SECRET']) {
        complain(setting, 'is required in production, unless another provider is configured');
      }
    }
  }

  const exposed = production && !isLoopback(host) && isLoopback(baseAddress.hostname);
  const warnings: (Warning | undefined)[] = [
    exposed
      ? {
          what: `HOST=${host} listens beyond this machine although BASE_URL is a loopback address.`,
          remedy: 'Set HOST to a loopback address, or BASE_URL to the address that browsers use.',
        }
      : undefined,
    sslModeWarning(present(environment, 'DATABASE_URL'), environment.PGHOST),
    ...misspelled.map(({ setting, meant }) => ({ what: `${setting} is not a setting.`, remedy: renameAdvice(meant) })),
  ];
  const config = (): Config => ({
    ...settings,
    production,
    host,
    port,
    baseUrl: baseAddress.origin,
    https: baseAddress.protocol === 'https:',
    ...database,
    secretKeys: declaredKeys ?? [developmentKey(database.dataDir)],
    trustProxy:
      trustProxy && typeof trustProxy === 'object' && 'ranges' in trustProxy
        ? trustProxy.ranges
        : (trustProxy as number | undefined),
    standIn: wantsStandIn && standInObstacles.length === 0,
    warnings: warnings.filter((warning) => warning !== undefined),
    unknownNames: unknownNames(
      environment,
      names,
      configured.map(({ id }) => id),
    ),
    provider: (known: KnownProvider) => {
      const found: Problem[] = [];
      const provider = readProvider(known, (setting, message) => void found.push({ setting, message }));
      if (found.length > 0) throw new ConfigurationError(found);
      return provider;
    },
  });
  // An extension can bring the provider; without it the registry refuses.
  return { problems, standInObstacles: isComplete ? standInObstacles : [], config: () => Object.freeze(config()) };
}

function renameAdvice(meant: string): string {
  return `Rename it to ${meant}, or remove it.`;
}

/** Every setting of this installation. @param named by OIDC_PROVIDERS */
function settingNames(providers: readonly KnownProvider[], named: readonly string[]): ReadonlySet<string> {
  return new Set([
    ...Object.keys(SETTINGS),
    ...providers.flatMap(providerSettingNames),
    ...named.map((id) => `${settingPrefix(id)}_LABEL`),
  ]);
}

/** `acme-staff` becomes "Acme staff". */
function capitalised(id: string): string {
  return id.charAt(0).toUpperCase() + id.slice(1).replaceAll('-', ' ');
}

/** Reads what leads to the database and leaves everything else unread. @throws ConfigurationError with every problem */
export function loadDatabaseConfig(environment: Environment): DatabaseConfig {
  const given = settingsIn(environment);
  const database = readDatabase(given);
  if (given.problems.length > 0) throw new ConfigurationError(given.problems);
  return database;
}

/** Reads what leads to the database and opens what is sealed in it. @throws ConfigurationError with every problem */
export function loadSealedDatabaseConfig(environment: Environment): SealedDatabaseConfig {
  const given = settingsIn(environment);
  const database = readDatabase(given);
  const declaredKeys = readKeys(given);
  if (given.problems.length > 0) throw new ConfigurationError(given.problems);
  return { ...database, secretKeys: declaredKeys ?? [developmentKey(database.dataDir)] };
}

function readDatabase({ read, required }: Settings): DatabaseConfig {
  const databaseUrl = required('DATABASE_URL', 'postgres://user:password@host:5432/database');
  return {
    databaseUrl: databaseUrl === undefined ? undefined : withPlainSslMode(databaseUrl),
    dataDir: resolve(read('DATA_DIR') ?? '.data'),
  };
}

/** @returns undefined where the development key stands in, and where there is a problem */
function readKeys({ required, complain }: Settings): readonly SecretKey[] | undefined {
  const declared = required('SECRET_KEYS', 'id:base64 of 32 random bytes, made by: npm run cli -- keys:generate');
  if (declared && 'problem' in declared) complain('SECRET_KEYS', declared.problem);
  return declared && 'keys' in declared ? declared.keys : undefined;
}

/** Settings that switch a protection off and have no business in production. */
function refuseInProduction(environment: Environment, complain: (setting: string, message: string) => void): void {
  if (environment.NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    complain('NODE_TLS_REJECT_UNAUTHORIZED', 'switches off the check of TLS certificates; take it out');
  }
  // Express prints every URL it routes under this switch, the authorization code of a callback included.
  if (/\*|express|router/.test(environment.DEBUG ?? '')) {
    complain('DEBUG', 'would write authorization codes to the log; take it out');
  }
}

function insecureAdvice(production: boolean): string {
  return production
    ? 'must be https (a loopback address may be http with OAUTH_INSECURE_TRANSPORT=1)'
    : 'must be https, or a loopback address, unless OAUTH_INSECURE_TRANSPORT=1';
}
