import { Module } from '@nestjs/common';
import { AccountApi } from './account.api.js';
import { AccountDeletion } from './account-deletion.js';

/**
 * account: what a signed-in person sees and does about themselves.
 *
 *   GET    /api/me                who I am, and my session
 *   PATCH  /api/me                what I am called
 *   GET    /api/me/accounts       my linked accounts and how they are
 *   DELETE /api/me/accounts/:id   ends a link; the grant is taken back at the provider
 *   GET    /api/me/sessions       where I am signed in
 *   DELETE /api/me/sessions/:id   signs me out there
 *   DELETE /api/me/sessions       signs me out everywhere but here
 *
 * Who I am takes no statement of its own: the session guard has read it all.
 */
@Module({ controllers: [AccountApi], providers: [AccountDeletion] })
export class AccountModule {}
