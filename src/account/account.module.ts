import { Module } from '@nestjs/common';
import { AuditModule } from '../audit/audit.module.js';
import { AccountApi } from './account.api.js';
import { AccountController } from './account.controller.js';
import { AccountDeletion } from './account-deletion.js';
import { AccountExport } from './account-export.js';
import { AccountPage } from './account-page.js';
import { ProviderNames } from './provider-names.js';
import { WaitingController } from './waiting.controller.js';

/**
 * account: what a signed-in person sees and does about themselves.
 *
 *   GET    /account                          profile, linked accounts, sessions, what happened   (account-page)
 *   POST   /account/profile, …/accounts/:id/unlink, …/sessions/:id/end, …/sessions/end-others
 *   GET    /account/export                   everything held about them                          (account-export)
 *   POST   /account/delete                   the end of them here                                (account-deletion)
 *   GET, POST /account/link/confirm          yes to a proven account that has their address      (waiting.controller)
 *   GET, POST /account/merge                 yes to one person instead of two
 *   GET, PATCH  /api/me                      who I am, my session; what I am called              (account.api)
 *   GET, DELETE /api/me/accounts             linked accounts; the end of one
 *   GET, DELETE /api/me/sessions             where I am signed in; the end of one, or of all but this
 *
 * A link is begun in oauth/ (POST /account/link/<id>) and decided in auth/. Who I am takes no statement of its own:
 * the session guard has read it all.
 */
@Module({
  imports: [AuditModule],
  controllers: [AccountApi, AccountController, WaitingController],
  providers: [AccountDeletion, AccountExport, AccountPage, ProviderNames],
  exports: [ProviderNames],
})
export class AccountModule {}
