import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, loadConfig, loadDatabaseConfig, loadSealedDatabaseConfig } from './config.js';
import type { Environment } from './environment.js';
import { loadProviders, PROVIDER_IDS } from '../providers/catalogue.js';
import type { KnownProvider } from './provider-settings.js';
import { SETTINGS } from './settings.js';

const KEY = `k1:${randomBytes(32).toString('base64')}`;
const PRODUCTION = {
  NODE_ENV: 'production',
  BASE_URL: 'https://sign-in.example.org',
  DATABASE_URL: 'postgres://user:secret@db.example.org/gatehouse?sslmode=verify-full',
  SECRET_KEYS: KEY,
  GOOGLE_CLIENT_ID: 'id',
  GOOGLE_CLIENT_SECRET: 'secret',
};
const DEVELOPMENT = { SECRET_KEYS: KEY };
const CATALOGUE = await loadProviders((id) => id === 'google');
const GOOGLE = CATALOGUE[0] as KnownProvider;

function problemsOf(environment: Environment): string[] {
  try {
    loadConfig(environment, CATALOGUE);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.problems.map(({ setting }) => setting);
  }
}

describe('loadConfig', () => {
  it('has a value for everything in development', () => {
    const config = loadConfig(DEVELOPMENT, CATALOGUE);
    expect(config).toMatchObject({
      production: false,
      host: '127.0.0.1',
      port: 3000,
      baseUrl: 'http://localhost:3000',
      https: false,
      databasePoolSize: 10,
      sessionIdleDays: 14,
      sessionAbsoluteDays: 90,
      sessionsPerUser: 100,
      signUp: 'open',
      logFormat: 'pretty',
    });
    expect(config.provider(GOOGLE)).toBeUndefined();
    expect(config.standIn).toBe(true);
  });

  it('makes a development key once and keeps it from other users', () => {
    const folder = mkdtempSync(join(tmpdir(), 'gatehouse-key-'));
    const first = loadConfig({ DATA_DIR: folder }, []).secretKeys;
    expect(loadConfig({ DATA_DIR: folder }, []).secretKeys).toEqual(first);
    expect(statSync(join(folder, 'secret-key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(folder, 'secret-key'))).not.toHaveLength(0);
  });

  it('names everything that production lacks, at once', () => {
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([
      'BASE_URL',
      'DATABASE_URL',
      'SECRET_KEYS',
      'GOOGLE_CLIENT_ID',
      'GOOGLE_CLIENT_SECRET',
    ]);
  });

  it.each([
    ['NODE_ENV', 'staging'],
    ['PORT', 'http'],
    ['PORT', '65536'],
    ['BASE_URL', 'ftp://example.org'],
    ['BASE_URL', 'https://example.org/path'],
    ['BASE_URL', 'http://example.org'],
    ['DATABASE_URL', 'mysql://db'],
    ['DATABASE_POOL_SIZE', '0'],
    ['SESSION_IDLE_DAYS', '-1'],
    ['ATTEMPT_RETENTION_DAYS', '0.5'],
    ['SESSION_IDLE_DAYS', '0'],
    ['SESSION_IDLE_DAYS', '0.0006'],
    ['SESSION_ABSOLUTE_DAYS', 'x'],
    ['SESSION_ABSOLUTE_DAYS', '0.0006'],
    ['SESSIONS_PER_USER', '0'],
    ['SESSIONS_PER_USER', '1.5'],
    ['SESSIONS_PER_USER', 'all'],
    ['TRUST_PROXY', 'true'],
    ['TRUST_PROXY', '10.0.0.0/99'],
    ['TRUST_PROXY', '10.0.0.0/0'],
    ['TRUST_PROXY', 'fe80::1%eth0/64'],
    ['TRUST_PROXY', '10.1/16'],
    ['RATE_LIMIT_SIGN_INS_PER_MINUTE', '-1'],
    ['RATE_LIMIT_SIGN_INS_PER_MINUTE', '1.5'],
    ['RATE_LIMIT_API_PER_MINUTE', 'none'],
    ['SIGN_UP', 'by invitation'],
    ['ADMIN_ACCOUNTS', 'ada@example.com'],
    ['ADMIN_ACCOUNTS', 'google:'],
    ['ADMIN_ACCOUNTS', 'gogle:123'],
    ['ADMIN_ACCOUNTS', 'google:123 github:5'],
    ['ADMIN_ACCOUNTS', 'google:123;google:5'],
    ['ADMIN_ACCOUNTS', 'google:123;'],
    ['ADMIN_ACCOUNTS', 'github:5'],
    ['ADMIN_ACCOUNTS', 'google:123,github:5'],
    ['ADMIN_ACCOUNTS', ','],
    ['ALLOWED_EMAIL_DOMAINS', '*.corp.test'],
    ['ALLOWED_EMAIL_DOMAINS', 'a@corp.test'],
    ['ALLOWED_EMAIL_DOMAINS', 'corp.test x.test'],
    ['ALLOWED_EMAIL_DOMAINS', 'corp.test;x.test'],
    ['ALLOWED_EMAIL_DOMAINS', 'https://corp.test'],
    ['ALLOWED_EMAIL_DOMAINS', 'corp'],
    ['ALLOWED_EMAIL_DOMAINS', '192.0.2.1'],
    ['ALLOWED_EMAIL_DOMAINS', ','],
    ['GOOGLE_HOSTED_DOMAIN', '*.corp.test'],
    ['GOOGLE_HOSTED_DOMAIN', 'a@corp.test'],
    ['GOOGLE_HOSTED_DOMAIN', 'corp.test,x.test'],
    ['GOOGLE_SCOPES', 'openid,email'],
    ['GOOGLE_SCOPES', 'openid, email'],
    ['GOOGLE_SCOPES', 'email profile'],
    ['GOOGLE_PROMPT', 'none'],
    ['GOOGLE_PROMPT', 'consent,login'],
    ['GOOGLE_PKCE', 'no'],
    ['GOOGLE_TRUST_EMAILS', 'true'],
    ['OIDC_PROVIDERS', ','],
    ['OIDC_PROVIDERS', 'Acme'],
    ['EXTENSIONS', ' , '],
    ['HOST', 'http://localhost'],
    ['HOST', 'localhost:3000'],
    ['PORT', '0x1F'],
    ['PORT', '1e3'],
    ['BASE_URL', 'https://*.example.org'],
    ['BASE_URL', 'https://user:secret@example.org'],
    ['BASE_URL', 'https://:secret@example.org'],
    ['DATABASE_POOL_SIZE', '10.5'],
    ['DATABASE_URL', 'postgres://user:1234/secret@db.example.org/gatehouse'],
    ['DATABASE_URL', 'postgres://user:12?secret@db.example.org/gatehouse'],
    ['DATABASE_URL', 'postgres://user:12#secret@db.example.org/gatehouse'],
    ['DATABASE_URL', 'postgres://user:sec%ret@db.example.org/gatehouse'],
    ['DATABASE_URL', 'postgres://user:secret@db.example.org/gatehouse?sslmode=verify_full'],
    ['SIGN_UP', 'Closed'],
    ['LOG_LEVEL', 'INFO'],
    ['NODE_ENV', 'Production'],
    ['OAUTH_INSECURE_TRANSPORT', 'yes'],
    ['LOG_LEVEL', 'loud'],
    ['LOG_FORMAT', 'xml'],
    ['SECRET_KEYS', 'short:YWJj'],
    ['SECRET_KEYS', 'no-colon'],
    ['SECRET_KEYS', `zero:${Buffer.alloc(32).toString('base64')}`],
    ['SECRET_KEYS', `${KEY},${KEY}`],
    ['SECRET_KEYS', `${KEY},k2:${KEY.slice(3)}`],
    ['GOOGLE_CLIENT_SECRET', undefined],
    ['GOOGLE_CLIENT_ID', undefined],
    ['GOOGLE_TOKEN_ENDPOINT', 'http://example.org/token'],
    ['GOOGLE_ISSUER', 'issuer'],
    ['NODE_TLS_REJECT_UNAUTHORIZED', '0'],
    ['DEBUG', 'express:*'],
  ])('refuses in production %s=%s, by name and never by value', (setting, value) => {
    const environment = { ...PRODUCTION, [setting]: value };
    expect(problemsOf(environment)).toEqual([setting]);
    try {
      loadConfig(environment, CATALOGUE);
    } catch (error) {
      if (value !== undefined && value.length > 8) expect(String(error)).not.toContain(value);
    }
  });

  it.each([
    ['development', 'http://localhost:8080', '0', []],
    ['development', 'http://127.0.0.1:8080', '0', []],
    ['development', 'http://dev.example.org', '0', ['BASE_URL']],
    ['development', 'http://dev.example.org', '1', []],
    ['production', 'http://localhost:8080', '0', ['BASE_URL']],
    ['production', 'http://localhost:8080', '1', []],
    ['production', 'http://sign-in.example.org', '1', ['BASE_URL']],
  ])('in %s with BASE_URL=%s and OAUTH_INSECURE_TRANSPORT=%s', (NODE_ENV, BASE_URL, insecure, expected) => {
    expect(problemsOf({ ...PRODUCTION, NODE_ENV, BASE_URL, OAUTH_INSECURE_TRANSPORT: insecure })).toEqual(expected);
  });

  it('warns about a loopback address that is served beyond this machine', () => {
    const environment = { ...PRODUCTION, BASE_URL: 'http://localhost:3000', OAUTH_INSECURE_TRANSPORT: '1' };
    expect(loadConfig(environment, CATALOGUE).warnings).toHaveLength(1);
  });

  it('reads a provider as it is written, an empty prompt included', () => {
    const config = loadConfig({ ...PRODUCTION, GOOGLE_PROMPT: '', GOOGLE_SCOPES: 'openid  email', GOOGLE_ISSUER: 'https://id.example.org/', GOOGLE_HOSTED_DOMAIN: 'example.org' }, CATALOGUE); // prettier-ignore
    expect(config.provider(GOOGLE)).toMatchObject({
      prompt: '',
      scopes: ['openid', 'email'],
      issuer: 'https://id.example.org/',
      own: { HOSTED_DOMAIN: 'example.org' },
    });
  });

  it.each([
    ['@corp.test', ['corp.test']],
    ['X.org', ['x.org']],
    [' corp.test. , @BÜCHER.example,', ['corp.test', 'xn--bcher-kva.example']],
  ])('reads the allowed email domains %s in their canonical form', (text, domains) => {
    expect(loadConfig({ ...PRODUCTION, ALLOWED_EMAIL_DOMAINS: text }, CATALOGUE).allowedEmailDomains).toEqual(domains);
  });

  it.each(['Corp.test', '@corp.test', 'corp.test.'])('reads the hosted domain %s in its canonical form', (text) => {
    const config = loadConfig({ ...PRODUCTION, GOOGLE_HOSTED_DOMAIN: text }, CATALOGUE);
    expect(config.provider(GOOGLE)?.own.HOSTED_DOMAIN).toBe('corp.test');
  });

  it('accepts an administrator at a provider that the stand-in plays, or that an extension brings', () => {
    const google = { ...DEVELOPMENT, ADMIN_ACCOUNTS: 'google:5' };
    expect(loadConfig(google, CATALOGUE, PROVIDER_IDS).adminAccounts).toEqual(['google:5']);
    const acme = { ...PRODUCTION, ADMIN_ACCOUNTS: 'acme:5', EXTENSIONS: './acme.js' };
    expect(loadConfig(acme, CATALOGUE, PROVIDER_IDS).adminAccounts).toEqual(['acme:5']);
  });

  // A setting without any form belongs in this list with a reason; every other one refuses what it cannot mean.
  const FREE_FORM = new Set(['DATA_DIR', 'EXTENSIONS']);
  it.each(Object.keys(SETTINGS).filter((name) => !FREE_FORM.has(name)))('refuses nonsense in %s', (setting) => {
    expect(problemsOf({ ...PRODUCTION, [setting]: '<;%>' })).toContain(setting);
  });

  it('takes an empty variable as not set', () => {
    expect(loadConfig({ ...DEVELOPMENT, PORT: '', GOOGLE_CLIENT_ID: '' }, CATALOGUE).port).toBe(3000);
  });
});

describe('a misspelled name', () => {
  const misspelled = { SIGNUP: 'closed', GOOGLE_CLIENT_IDS: 'id' };

  it('fails the start in production, by its name and the one that is meant', () => {
    expect(problemsOf({ ...PRODUCTION, ...misspelled })).toEqual(Object.keys(misspelled));
    const load = () => loadConfig({ ...PRODUCTION, ...misspelled }, CATALOGUE);
    expect(load).toThrow(/SIGNUP .*SIGN_UP/);
  });

  it('is a warning in development', () => {
    const { warnings } = loadConfig({ ...DEVELOPMENT, ...misspelled }, CATALOGUE);
    expect(warnings.map(({ what }) => what)).toEqual([
      'SIGNUP is not a setting.',
      'GOOGLE_CLIENT_IDS is not a setting.',
    ]);
  });

  it('and any other that begins like ours is listed for the diagnostics', () => {
    const config = loadConfig({ ...DEVELOPMENT, SIGN_UP_MODE: 'closed', OTHER_MODE: 'x', NODE_OPTIONS: '' }, CATALOGUE);
    expect(config.unknownNames).toEqual(['SIGN_UP_MODE']);
  });
});

describe('without a configured provider', () => {
  it.each([
    ['nothing else', {}, []],
    ['a loopback address and a local database', { BASE_URL: 'http://127.0.0.1:8080', HOST: '::1', DATABASE_URL: 'postgres://localhost/x' }, []], // prettier-ignore
    ['a database by its socket', { DATABASE_URL: 'postgres://me@/x?host=/run/postgresql' }, []],
    ['a database by its encoded socket', { DATABASE_URL: 'postgres://%2Frun%2Fpostgresql/x' }, []],
    ['a public BASE_URL', { BASE_URL: 'https://sign-in.example.org' }, ['BASE_URL']],
    ['a public BASE_URL over http', { BASE_URL: 'http://sign-in.example.org', OAUTH_INSECURE_TRANSPORT: '1' }, ['BASE_URL']], // prettier-ignore
    ['HOST for every network', { HOST: '0.0.0.0' }, ['HOST']],
    ['a database elsewhere', { DATABASE_URL: 'postgres://db.example.org/x?sslmode=disable' }, ['DATABASE_URL']],
    ['a database elsewhere by PGHOST', { DATABASE_URL: 'postgres:///x', PGHOST: 'db.example.org' }, ['DATABASE_URL']],
    ['a host parameter that overrides', { DATABASE_URL: 'postgres://localhost/x?host=db.example.org' }, ['DATABASE_URL']], // prettier-ignore
    ['all of it', { BASE_URL: 'https://a.example', HOST: '0.0.0.0', DATABASE_URL: 'postgres://b.example/x?sslmode=disable' }, ['BASE_URL', 'HOST', 'DATABASE_URL']], // prettier-ignore
  ])('the stand-in plays Google on this machine only: %s', (_, settings, expected) => {
    for (const NODE_ENV of ['development', 'test']) {
      const environment = { ...DEVELOPMENT, NODE_ENV, ...settings };
      expect(problemsOf(environment)).toEqual(expected);
      if (expected.length === 0) expect(loadConfig(environment, CATALOGUE).standIn).toBe(true);
      else expect(() => loadConfig(environment, CATALOGUE)).toThrow(/no provider is configured.*GOOGLE_CLIENT_ID/);
      // What an extension brings is not known yet; the stand-in stays away all the same.
      const extended = { ...environment, EXTENSIONS: './acme.js' };
      expect(loadConfig(extended, CATALOGUE).standIn).toBe(expected.length === 0);
    }
  });

  it('there is no stand-in where one is configured, or in production', () => {
    expect(loadConfig({ ...PRODUCTION, NODE_ENV: 'development' }, CATALOGUE).standIn).toBe(false);
    expect(loadConfig({ ...PRODUCTION, GOOGLE_CLIENT_ID: '', GOOGLE_CLIENT_SECRET: '', EXTENSIONS: 'x' }, CATALOGUE).standIn).toBe(false); // prettier-ignore
  });
});

describe('sslmode', () => {
  const warningsOf = (query: string) =>
    loadConfig({ ...PRODUCTION, DATABASE_URL: `postgres://me:pw@db.example.org/x${query}` }, CATALOGUE).warnings;

  it.each(['?sslmode=allow', '?sslmode=prefer', '?sslmode=require', '?sslmode=verify-ca', '?sslmode=no-verify', ''])(
    'of DATABASE_URL is explained where libpq means something else: "%s"',
    (query) => {
      expect(warningsOf(query).map(({ what }) => what)).toEqual([expect.stringContaining('libpq')]);
    },
  );

  it.each(['?sslmode=disable', '?sslmode=verify-full', '?sslmode=require&uselibpqcompat=true'])(
    'of DATABASE_URL needs no word where both mean the same: "%s"',
    (query) => {
      expect(warningsOf(query)).toEqual([]);
    },
  );
});

describe('what a command needs', () => {
  it('is the database alone, whatever else is missing or wrong', () => {
    const environment = { ...PRODUCTION, BASE_URL: 'nonsense', PORT: 'x', GOOGLE_CLIENT_ID: '', SECRET_KEYS: '' };
    expect(loadDatabaseConfig(environment).databaseUrl).toBe(PRODUCTION.DATABASE_URL);
  });

  it('is the database and the keys where something sealed is opened', () => {
    const { databaseUrl, secretKeys } = loadSealedDatabaseConfig({ ...PRODUCTION, BASE_URL: '' });
    expect([databaseUrl, secretKeys.map(({ id }) => id)]).toEqual([PRODUCTION.DATABASE_URL, ['k1']]);
  });

  it('is told by name and at once when it is missing in production', () => {
    const load = () => loadSealedDatabaseConfig({ NODE_ENV: 'production' });
    expect(load).toThrow(ConfigurationError);
    expect(load).toThrow(/DATABASE_URL .*\n.*SECRET_KEYS /);
  });
});
