import { Global, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { User } from './user.entity.js';
import { UsersService } from './users.service.js';

/**
 * users: people. Rows are made and changed by a sign-in (auth/); the session statement reads them.
 *
 * Knows nothing of accounts: oauth-accounts points here.
 */
@Global()
@Module({ imports: [TypeOrmModule.forFeature([User])], providers: [UsersService], exports: [UsersService] })
export class UsersModule {}
