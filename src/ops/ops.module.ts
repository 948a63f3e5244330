import { Module } from '@nestjs/common';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

/**
 * ops: what the people who run it need. Health, the log, the reference of each request.
 *
 *   GET /health/live, GET /health/ready
 *
 * Not here yet: metrics. The order of a stop is in main.
 */
@Module({ controllers: [HealthController], providers: [Readiness], exports: [Readiness] })
export class OpsModule {}
