import { Module } from '@nestjs/common';
import { AccountModule } from '../account/account.module.js';
import { BulkUnlink } from './bulk-unlink.js';
import { DashboardApi } from './dashboard.api.js';
import { DashboardController } from './dashboard.controller.js';
import { Dashboard } from './dashboard.service.js';
import { DoctorController } from './doctor.controller.js';
import { Exports } from './exports.js';
import { LinkedAccountsApi } from './linked-accounts.api.js';
import { LinkedAccountsController } from './linked-accounts.controller.js';
import { LinkedAccounts } from './linked-accounts.service.js';
import { ListingReader } from './listing.js';

/**
 * admin: what whoever runs this place sees and does. Roles `admin` and `viewer`; a viewer changes nothing.
 *
 *   GET /admin, /api/admin/dashboard                           all people in numbers and charts      (dashboard.…, charts)
 *   GET /admin/accounts, /api/admin/accounts, …/accounts.csv   every linked account                (linked-accounts.…)
 *   POST /admin/accounts/review, …/unlink                      those that are chosen: what would happen, and it happens
 *   GET /admin/doctor                                          what is wrong with this installation, and what to do  (doctor/)
 *
 * A listing is a table, its orders, filters and columns (listing.ts says what one is): one statement reads a page, along an
 * index, at the same cost wherever it begins; a second one counts. listing-page makes its page, csv its file.
 */
@Module({
  imports: [AccountModule],
  controllers: [DashboardApi, DashboardController, DoctorController, LinkedAccountsApi, LinkedAccountsController],
  providers: [BulkUnlink, Dashboard, Exports, LinkedAccounts, ListingReader],
})
export class AdminModule {}
