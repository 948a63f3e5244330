import type { INestApplication, Type } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createApp } from '../../src/app.js';
import { loadConfig } from '../../src/config/config.js';
import type { Environment } from '../../src/config/environment.js';
import { isMentioned } from '../../src/config/provider-settings.js';
import type { DecoratedHook } from '../../src/oauth/decorated-hooks.js';
import { loadProviders, openIdProviders, PROVIDER_IDS } from '../../src/providers/catalogue.js';
import { ADA_ACCOUNT, StandInModule, standInSettings } from '../../src/stand-in/stand-in.module.js';
import { UNLIMITED } from './unlimited.js';

/** The whole application in this process, on a port of its own. */
export interface TestApp {
  readonly url: string;
  readonly nest: INestApplication;
  /** Every line it has logged, at the most talkative level. */
  readonly log: string[];
  close(): Promise<void>;
}

/**
 * Starts Gatehouse as main does, with these settings. Without GOOGLE_CLIENT_ID the stand-in plays Google.
 *
 * @param extensions modules with listeners, providers or pages of the test
 * @param hooks those that must be asked; a test file has hooks of several applications
 */
export async function startApp(
  databaseUrl: string,
  environment: Environment = {},
  extensions: Type[] = [],
  stallLimitMs?: number,
  hooks: readonly DecoratedHook[] = [],
): Promise<TestApp> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(Number(environment.PORT ?? 0), '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const listed = await loadProviders((id) => id === 'google' || isMentioned(environment, id));
  const config = loadConfig(
    {
      NODE_ENV: 'test',
      DATABASE_URL: databaseUrl,
      SECRET_KEYS: TEST_KEYS,
      ...UNLIMITED,
      ...environment,
      PORT: String(port),
    },
    listed,
    PROVIDER_IDS,
  );
  const catalogue = [...listed, ...openIdProviders(config.oidcProviders)];
  const standIn = config.standIn
    ? { settings: { google: standInSettings(config) }, module: StandInModule.forRoot(config) }
    : undefined;
  const adminAccounts = standIn && config.adminAccounts.length === 0 ? [ADA_ACCOUNT] : config.adminAccounts;

  const log: string[] = [];
  const stream = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log.push(chunk.toString());
      done();
    },
  });
  const logger = pino({ level: 'trace' }, stream);
  const nest = await createApp(
    {
      config: { ...config, adminAccounts },
      databaseUrl,
      catalogue,
      extensions,
      standIn,
      stallLimitMs,
      hooks,
    },
    server,
    logger,
  );
  return { url: config.baseUrl, nest, log, close: () => nest.close() };
}

const TEST_KEYS = `test:${randomBytes(32).toString('base64')}`;
