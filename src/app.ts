import 'reflect-metadata';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import type { RequestListener, Server } from 'node:http';
import type { Logger } from 'pino';
import { AppModule, type AppParts } from './app.module.js';
import { setUp } from './app.setup.js';
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

/** Builds the whole application on `server`, which passes it its requests from then on. */
export async function createApp(parts: AppParts, server: Server, logger: Logger): Promise<INestApplication> {
  const app = await NestFactory.create(AppModule.forRoot(parts), new BoundAdapter(server), {
    logger: new NestLog(logger),
    bodyParser: false,
    abortOnError: false,
  });
  setUp(app, parts.config, logger, parts.stallLimitMs);
  await app.init();
  server.removeAllListeners('request');
  server.on('request', app.getHttpAdapter().getInstance() as RequestListener);
  return app;
}
