import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { AuditChain } from './audit-chain.js';
import { AuditRedaction } from './audit-redaction.js';
import { AuditEntry } from './audit-entry.entity.js';
import { AuditTrail } from './audit-trail.js';

/**
 * audit: who did what to whom, appended in the same statement as the act itself (auth/sign-in.statements,
 * sessions.service), so that there is exactly one entry per act, also under races.
 *
 *   audit-entries       the one fragment of SQL that appends; it requires the user whom an entry affects
 *   audit-trail         reads what is by or about one user, those merged into them included (merged-users)
 *   audit-chain         puts entries into a chain of hashes, seconds after they were written
 *   chain-verification  walks the chain and tells what was changed behind the application's back
 *   audit-redaction     takes out what is personal after a deletion, in batches; the schema lets nothing else be changed
 *
 * Not here: reading all of it. That is the desk's.
 */
@Module({
  imports: [TypeOrmModule.forFeature([AuditEntry])],
  providers: [AuditTrail, AuditChain, AuditRedaction],
  exports: [AuditChain, AuditTrail],
})
export class AuditModule {}
