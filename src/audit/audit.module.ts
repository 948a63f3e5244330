import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditEntry } from './audit-entry.entity.js';
import { AuditTrail } from './audit-trail.js';

/**
 * audit: who did what to whom, appended in the same statement as the act itself (auth/sign-in.statements,
 * sessions.service), so that there is exactly one entry per act, also under races.
 *
 * audit-trail reads what is by or about one person. Not here yet: reading all of it.
 */
@Module({ imports: [TypeOrmModule.forFeature([AuditEntry])], providers: [AuditTrail], exports: [AuditTrail] })
export class AuditModule {}
