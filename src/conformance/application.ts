import type { INestApplication, Type } from '@nestjs/common';
import { randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { Writable } from 'node:stream';
import { pino } from 'pino';
import { createApp } from '../app.js';
import { loadConfig } from '../config/config.js';
import { settingPrefix } from '../config/provider-settings.js';
import type { OAuthProvider } from '../oauth/provider.js';
import type { FakeProvider } from './fake-provider.js';
import type { RegisteredClient } from './registered-client.js';

/** What browsers call it. https, so that its cookies are those of a real installation. */
export const BASE_URL = 'https://gatehouse.example';

/** A provider as an operator configures it. */
export interface ConfiguredForCheck {
  readonly id: string;
  readonly client: RegisteredClient;
  /** By their short names: `TENANT` becomes `<ID>_TENANT`. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface ApplicationParts {
  readonly databaseUrl: string;
  readonly catalogue: readonly OAuthProvider[];
  readonly configured: readonly ConfiguredForCheck[];
  readonly extensions?: readonly Type[];
  readonly fake: FakeProvider;
  /** Where its log goes, line by line, at the most talkative level. */
  readonly log: string[];
}

/** The whole of Gatehouse, with a fake provider behind every address it calls. */
export interface Application {
  /** Where it listens. */
  readonly url: string;
  readonly nest: INestApplication;
  /** Every line it has logged. Nest has one logger for the process: of two applications it is that of the later one. */
  readonly log: string[];
  close(): Promise<void>;
}

export async function startApplication(parts: ApplicationParts): Promise<Application> {
  const { databaseUrl, catalogue, configured, extensions = [], fake, log } = parts;
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  try {
    const config = loadConfig(
      {
        NODE_ENV: 'test',
        BASE_URL,
        HOST: '127.0.0.1',
        PORT: String(port),
        DATABASE_URL: databaseUrl,
        SECRET_KEYS: `conformance:${randomBytes(32).toString('base64')}`,
        // A run signs in some hundred times from one address.
        RATE_LIMIT_SIGN_INS_PER_MINUTE: '0',
        RATE_LIMIT_API_PER_MINUTE: '0',
        ...Object.fromEntries(configured.flatMap(settingsOf)),
      },
      catalogue,
    );
    const stream = new Writable({
      write(chunk: Buffer, _encoding, done) {
        log.push(chunk.toString());
        done();
      },
    });
    const nest = await createApp(
      { config, databaseUrl, catalogue, connector: fake.connector, extensions, standIn: undefined, hooks: [] },
      server,
      pino({ level: 'trace' }, stream),
    );
    return { url: `http://127.0.0.1:${port}`, nest, log, close: () => nest.close() };
  } catch (error) {
    server.close();
    throw error;
  }
}

function settingsOf({ id, client, settings }: ConfiguredForCheck): [string, string][] {
  const all = { CLIENT_ID: client.id, CLIENT_SECRET: client.secret, ...settings };
  return Object.entries(all).map(([name, value]) => [`${settingPrefix(id)}_${name}`, value]);
}
