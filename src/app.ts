import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { RequestListener, Server } from 'node:http';
import type { Logger } from 'pino';
import { AppModule, type AppParts } from './app.module.js';
import { setUp } from './app.setup.js';
import { ConfigurationError } from './config/config.js';
import { PlainError } from './config/plain-error.js';
import { DatabaseRefusedError } from './database/database.errors.js';
import { checkListeners } from './listeners.js';
import type { DecoratedHook } from './oauth/decorated-hooks.js';
import { NestLog } from './ops/log.js';

/** Nest on a server that listens already: the port is known before the first address is written down. */
class BoundAdapter extends ExpressAdapter {
  constructor(private readonly bound: Server) {
    super();
  }

  override initHttpServer(): void {
    this.httpServer = this.bound;
  }
}

export interface ApplicationParts extends AppParts {
  /** Which must be asked: in a process with one application, all that were imported. */
  readonly hooks: readonly DecoratedHook[];
}

/**
 * Builds the whole application on `server`, which passes it its requests from then on.
 *
 * @throws PlainError; what goes wrong while an extension is put in is told of the extensions
 */
export async function createApp(parts: ApplicationParts, server: Server, logger: Logger): Promise<INestApplication> {
  let app: INestApplication | undefined;
  try {
    app = await NestFactory.create(AppModule.forRoot(parts), new BoundAdapter(server), {
      logger: new NestLog(logger),
      bodyParser: false,
      abortOnError: false,
    });
    setUp(app, parts.config, logger, parts.stallLimitMs);
    await app.init();
    checkListeners(app, parts.hooks);
  } catch (error) {
    await app?.close().catch(() => undefined);
    throw inPlainWords(error, parts.config.extensions);
  }
  server.removeAllListeners('request');
  server.on('request', app.getHttpAdapter().getInstance() as RequestListener);
  return app;
}

/** An error of Nest, of the database or of an extension, for the person at the terminal. */
function inPlainWords(error: unknown, extensions: readonly string[]): unknown {
  if (error instanceof PlainError) return error;
  if (extensions.length === 0) return DatabaseRefusedError.of(error) ?? error;
  const reason = error instanceof Error ? error.message.split('\n')[0] : 'it threw something that is no Error';
  return new ConfigurationError(
    [
      {
        setting: 'EXTENSIONS',
        message: `the application does not start with ${extensions.join(', ')}: ${reason ?? ''}`,
      },
    ],
    { cause: error },
  );
}
