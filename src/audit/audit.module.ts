import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEntry } from './audit-entry.entity.js';

/**
 * audit: who did what to whom, appended in the same statement as the act itself (auth/sign-in.statements,
 * sessions.service), so that there is exactly one entry per act, also under races.
 *
 * Not here yet: reading it.
 */
@Module({ imports: [TypeOrmModule.forFeature([AuditEntry])] })
export class AuditModule {}
