import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ConfigurationError, loadConfig, loadDatabaseConfig, loadSealedDatabaseConfig } from './config.js';
import type { Environment } from './environment.js';
import type { KnownProvider } from './provider-settings.js';

const KEY = `k1:${randomBytes(32).toString('base64')}`;
const PRODUCTION = {
  NODE_ENV: 'production',
  BASE_URL: 'https://sign-in.example.org',
  DATABASE_URL: 'postgres://user:secret@db.example.org/gatehouse',
  SECRET_KEYS: KEY,
  GOOGLE_CLIENT_ID: 'id',
  GOOGLE_CLIENT_SECRET: 'secret',
};
const DEVELOPMENT = { SECRET_KEYS: KEY };
const GOOGLE: KnownProvider = { id: 'google', settings: { HOSTED_DOMAIN: { meaning: 'one domain' } }, endpoints: {} };
const CATALOGUE = [GOOGLE];

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
    ['SESSION_ABSOLUTE_DAYS', 'x'],
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

  it('takes an empty variable as not set', () => {
    expect(loadConfig({ ...DEVELOPMENT, PORT: '', GOOGLE_CLIENT_ID: '' }, CATALOGUE).port).toBe(3000);
  });
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
