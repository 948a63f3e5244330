import { Controller, Get, Res } from '@nestjs/common';
import type { Response } from 'express';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import type { SignedInUser } from '../access/signed-in.js';
import { dashboardPage } from './dashboard-page.js';
import { Dashboard } from './dashboard.service.js';
import { frameOf } from './frame.js';

@Controller('admin')
@Roles('admin', 'viewer')
export class DashboardController {
  constructor(private readonly dashboard: Dashboard) {}

  @Get()
  async show(@CurrentUser() user: SignedInUser, @Res() response: Response): Promise<void> {
    const page = await dashboardPage(await this.dashboard.read());
    response.render('admin/dashboard', { title: 'Overview', ...frameOf('dashboard', user), ...page });
  }
}
