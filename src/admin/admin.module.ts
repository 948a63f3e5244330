import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AccountModule } from '../account/account.module.js';
import { AuditModule } from '../audit/audit.module.js';
import { AdminActs } from './admin-acts.js';
import { AttemptsApi } from './attempts.api.js';
import { AttemptsController } from './attempts.controller.js';
import { Attempts } from './attempts.service.js';
import { AuditLogApi } from './audit-log.api.js';
import { AuditLogController } from './audit-log.controller.js';
import { AuditLog } from './audit-log.service.js';
import { BulkUnlink } from './bulk-unlink.js';
import { CsvFiles } from './csv.js';
import { DashboardApi } from './dashboard.api.js';
import { DashboardController } from './dashboard.controller.js';
import { Dashboard } from './dashboard.service.js';
import { DoctorApi } from './doctor.api.js';
import { DoctorController } from './doctor.controller.js';
import { Doctor } from './doctor.service.js';
import { Exports } from './exports.js';
import { Invitation } from './invitation.entity.js';
import { InvitationsApi } from './invitations.api.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsService } from './invitations.service.js';
import { KnownProviders } from './known-providers.js';
import { LinkedAccountsApi } from './linked-accounts.api.js';
import { LinkedAccountsController } from './linked-accounts.controller.js';
import { LinkedAccounts } from './linked-accounts.service.js';
import { ListingReader } from './listing.js';
import { PeopleApi } from './people.api.js';
import { PeopleController } from './people.controller.js';
import { PeopleReader } from './people.reader.js';
import { PeopleService } from './people.service.js';
import { PersonPage } from './person-page.js';

/**
 * admin: what whoever runs this place sees and does. Roles `admin` and `viewer`; a viewer changes nothing.
 *
 *   GET /admin, /api/admin/dashboard                           all of it in numbers and charts     (dashboard.…, charts)
 *   GET /admin/accounts, /api/admin/accounts, …/accounts.csv   every linked account                (linked-accounts.…)
 *   POST /admin/accounts/review, …/unlink                      those that are chosen: what would happen, and it happens
 *   GET /admin/users, …/:id, /api/admin/users, …/users.csv     everybody, and one person           (people.…, person-page)
 *   PATCH /api/admin/users/:id, POST /admin/users/:id/…        what an admin does to a person      (people.service)
 *   GET /admin/attempts, /api/admin/attempts, …/attempts.csv   every try to sign in                (attempts.…)
 *   GET /admin/audit, /api/admin/audit, …/audit.csv            who did what to whom                (audit-log.…)
 *   GET, POST /admin/invitations, /api/admin/invitations       who may come                        (invitations.…)
 *   GET /admin/doctor, /api/admin/doctor                       what is wrong here, and what to do  (doctor.…, doctor/)
 *
 * A listing is a table, its orders, filters and columns (listing.ts says what one is): one statement reads a page, along an
 * index, at the same cost wherever it begins; a second one counts. listing-page makes its page, csv its file.
 */
@Module({
  imports: [AccountModule, AuditModule, TypeOrmModule.forFeature([Invitation])],
  controllers: [
    AttemptsApi,
    AttemptsController,
    AuditLogApi,
    AuditLogController,
    DashboardApi,
    DashboardController,
    DoctorApi,
    DoctorController,
    InvitationsApi,
    InvitationsController,
    LinkedAccountsApi,
    LinkedAccountsController,
    PeopleApi,
    PeopleController,
  ],
  providers: [
    AdminActs,
    Attempts,
    AuditLog,
    BulkUnlink,
    CsvFiles,
    Dashboard,
    Doctor,
    Exports,
    InvitationsService,
    KnownProviders,
    LinkedAccounts,
    ListingReader,
    PeopleReader,
    PeopleService,
    PersonPage,
  ],
})
export class AdminModule {}
