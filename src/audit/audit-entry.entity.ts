import { Column, Entity, PrimaryColumn } from 'typeorm';

/** Who did what to whom. Only ever appended. */
@Entity('audit_entries')
export class AuditEntry {
  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'timestamptz' })
  at: Date;

  @Column({ name: 'actor_id', type: 'uuid', nullable: true })
  actorId: string | null;

  /** The user it was done to, who can be the actor as well; a pseudonym after a deletion. Null: it affects no user. */
  @Column({ name: 'user_id', type: 'uuid', nullable: true })
  userId: string | null;

  @Column({ type: 'text' })
  action: string;

  /** A kind and an id: `user:<id>`, `account:<id>`, `session:<id>`, … */
  @Column({ type: 'text' })
  target: string;

  @Column({ type: 'jsonb' })
  data: object;

  @Column({ type: 'inet', nullable: true })
  ip: string | null;

  @Column({ type: 'text', nullable: true })
  reference: string | null;
}
