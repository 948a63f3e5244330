import { Column, Entity, PrimaryColumn } from 'typeorm';

/** The record of one try, kept from the callback on. Its key is what makes a callback single use. */
@Entity('sign_in_attempts')
export class SignInAttemptRecord {
  @PrimaryColumn({ name: 'state_hash', type: 'bytea' })
  stateHash: Buffer;

  @Column({ type: 'text' })
  provider: string;

  @Column({ type: 'text' })
  intent: 'sign_in' | 'link';

  @Column({ name: 'started_at', type: 'timestamptz' })
  startedAt: Date;

  /** When the callback came: until then the person was at the provider, from then on here. */
  @Column({ name: 'returned_at', type: 'timestamptz' })
  returnedAt: Date;

  @Column({ name: 'finished_at', type: 'timestamptz', nullable: true })
  finishedAt: Date | null;

  @Column({ type: 'text', nullable: true })
  outcome: 'succeeded' | 'failed' | null;

  @Column({ type: 'text', nullable: true })
  step: string | null;

  @Column({ type: 'text', nullable: true })
  code: string | null;

  @Column({ type: 'text' })
  reference: string;

  /** The kind of browser, as access/device tells it. */
  @Column({ type: 'text', nullable: true })
  device: string | null;

  /** What the linking policy decided, and why; null where it was not asked. */
  @Column({ type: 'text', nullable: true })
  decision: string | null;

  @Column({ type: 'text', array: true, nullable: true })
  reasons: string[] | null;

  @Column({ name: 'user_id', type: 'uuid', nullable: true })
  userId: string | null;
}
