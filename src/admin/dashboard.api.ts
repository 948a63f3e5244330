import { Controller, Get } from '@nestjs/common';
import { Roles } from '../access/access.decorators.js';
import { ApiRoute } from '../api/api-route.js';
import { dashboard } from './dashboard.schemas.js';
import { Dashboard } from './dashboard.service.js';

@Controller('api/admin')
@Roles('admin', 'viewer')
export class DashboardApi {
  constructor(private readonly dashboard: Dashboard) {}

  @Get('dashboard')
  @ApiRoute({ summary: 'All people together in numbers, and the sign-ins of the last thirty days.', answer: dashboard })
  async read() {
    return this.dashboard.read();
  }
}
