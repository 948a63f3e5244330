import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Lets the person in who has this address, verified. One is open at a time for an address, in any case of letters. */
@Entity('invitations')
export class Invitation {
  @PrimaryColumn('uuid')
  id: string;

  /** As it was written. */
  @Column({ type: 'text' })
  email: string;

  /** Null once that person is gone. */
  @Column({ name: 'invited_by', type: 'uuid', nullable: true })
  invitedBy: string | null;

  @Column({ name: 'invited_at', type: 'timestamptz' })
  invitedAt: Date;

  @Column({ name: 'used_at', type: 'timestamptz', nullable: true })
  usedAt: Date | null;

  @Column({ name: 'used_by', type: 'uuid', nullable: true })
  usedBy: string | null;

  @Column({ name: 'withdrawn_at', type: 'timestamptz', nullable: true })
  withdrawnAt: Date | null;
}
