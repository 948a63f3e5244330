import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditChain } from './audit-chain.js';
import { AuditEntry } from './audit-entry.entity.js';
import { AuditTrail } from './audit-trail.js';

/**
 * audit: who did what to whom, appended in the same statement as the act itself (auth/sign-in.statements,
 * sessions.service), so that there is exactly one entry per act, also under races.
 *
 *   audit-trail         reads what is by or about one person
 *   audit-chain         puts entries into a chain of hashes, seconds after they were written
 *   chain-verification  walks the chain and tells what was changed behind the application's back
 *   audit-redaction     takes out what is personal when a person goes; the schema lets nothing else be changed
 *
 * Not here: reading all of it. That is the desk's.
 */
@Module({
  imports: [TypeOrmModule.forFeature([AuditEntry])],
  providers: [AuditTrail, AuditChain],
  exports: [AuditChain, AuditTrail],
})
export class AuditModule {}
