import { Module } from '@nestjs/common';
import { AccountApi } from './account.api.js';

/**
 * account: what a signed-in person sees and does about themselves.
 *
 *   GET /api/me   who I am, and my session
 *
 * No statement of its own: the session guard has read it all.
 */
@Module({ controllers: [AccountApi] })
export class AccountModule {}
