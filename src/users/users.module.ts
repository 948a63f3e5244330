import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { User } from './user.entity.js';

/**
 * users: people. Rows are made and changed by a sign-in (auth/); the session statement reads them.
 *
 * Knows nothing of accounts: oauth-accounts points here.
 */
@Module({ imports: [TypeOrmModule.forFeature([User])] })
export class UsersModule {}
