import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';
import { Retention } from './retention.js';

/**
 * ops: what the people who run it need. Health, the log, the reference of each request.
 *
 *   GET /health/live, GET /health/ready
 *
 * What time has ended is taken away here, every hour (retention).
 * Not here yet: metrics. The order of a stop is in main.
 */
@Module({ controllers: [HealthController], providers: [Readiness, Retention], exports: [Readiness] })
export class OpsModule {}
