import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Why a grant is revoked. The last two were never stored with a linked account. */
export type RevocationCause = 'account_unlinked' | 'user_deleted' | 'user_blocked' | 'sign_in_refused' | 'link_expired';

/** A grant nobody here uses any more, until the provider has been told. The row goes when that is done. */
@Entity('revocations')
export class Revocation {
  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text' })
  provider: string;

  /** Whose it was. Both may be gone; null for a refused sign-in. */
  @Column({ name: 'account_id', type: 'uuid', nullable: true })
  accountId: string | null;

  @Column({ name: 'user_id', type: 'uuid', nullable: true })
  userId: string | null;

  @Column({ type: 'text' })
  cause: RevocationCause;

  /** Opened by the token vault and by nothing else; null once the row has failed for good. */
  @Column({ name: 'sealed_tokens', type: 'text', nullable: true })
  sealedTokens: string | null;

  @Column({ name: 'requested_at', type: 'timestamptz', default: () => 'now()' })
  requestedAt: Date;

  @Column({ type: 'integer', default: 0 })
  tries: number;

  /** When a worker may take it; while one has it, when another may. */
  @Column({ name: 'next_try_at', type: 'timestamptz', default: () => 'now()' })
  nextTryAt: Date;

  /** The code of the last failure. */
  @Column({ name: 'last_error', type: 'text', nullable: true })
  lastError: string | null;

  @Column({ name: 'failed_at', type: 'timestamptz', nullable: true })
  failedAt: Date | null;
}
