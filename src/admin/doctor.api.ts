import { Controller, Get, Req } from '@nestjs/common';
import type { Request } from 'express';
import { Roles } from '../access/access.decorators.js';
import { ApiRoute } from '../api/api-route.js';
import { browserViewOf } from '../doctor/browser-view.js';
import { examination } from './doctor.schemas.js';
import { Doctor } from './doctor.service.js';

@Controller('api/admin')
@Roles('admin', 'viewer')
export class DoctorApi {
  constructor(private readonly doctor: Doctor) {}

  @Get('doctor')
  @ApiRoute({
    summary: 'What is wrong with settings, database and providers, and what to do. It asks them all: some seconds.',
    answer: examination,
  })
  async examine(@Req() request: Request) {
    return { findings: await this.doctor.examine(browserViewOf(request)) };
  }
}
