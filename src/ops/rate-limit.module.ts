import { Module } from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import { RateLimitGuard } from './rate-limit.guard.js';
import { RequestCounts } from './request-counts.js';

/**
 * ops: rate limits, by client address and process. A module of its own because it is imported before every other one that
 * has a guard: a request beyond a limit is refused before anything is read for it. The API's limit is a middleware, which
 * app.setup puts before the body parsers.
 */
@Module({
  providers: [RequestCounts, { provide: APP_GUARD, useClass: RateLimitGuard }],
  exports: [RequestCounts],
})
export class RateLimitModule {}
