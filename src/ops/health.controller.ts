import { Controller, Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { DataSource } from 'typeorm';
import { Public } from '../access/access.decorators.js';
import { Readiness } from './readiness.js';

@Controller('health')
@Public()
export class HealthController {
  constructor(
    private readonly dataSource: DataSource,
    private readonly readiness: Readiness,
  ) {}

  /** The process lives. */
  @Get('live')
  live(@Res() response: Response): void {
    answer(response, 200, 'live');
  }

  /** It can serve: not stopping, and the database answers (within its own time limits, under two seconds). */
  @Get('ready')
  async ready(@Res() response: Response): Promise<void> {
    if (this.readiness.stopping) {
      answer(response, 503, 'stopping');
      return;
    }
    try {
      await this.dataSource.query('SELECT 1');
    } catch {
      answer(response, 503, 'database unavailable');
      return;
    }
    answer(response, 200, 'ready');
  }
}

function answer(response: Response, status: number, text: string): void {
  response.status(status).json({ status: text });
}
