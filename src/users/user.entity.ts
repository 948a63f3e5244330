import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A person. Knows nothing of accounts: they point here. */
@Entity('users')
export class User {
  /** UUID version 7, made by the application, so that new rows lie together. */
  @PrimaryColumn('uuid')
  id: string;

  @Column({ type: 'text', nullable: true })
  name: string | null;

  /** As the provider writes it. */
  @Column({ type: 'text', nullable: true })
  email: string | null;

  /** The form that is compared (config/email-address); unique among verified ones. */
  @Column({ name: 'email_canonical', type: 'text', nullable: true })
  emailCanonical: string | null;

  @Column({ name: 'email_verified', type: 'boolean' })
  emailVerified: boolean;

  @Column({ name: 'picture_url', type: 'text', nullable: true })
  pictureUrl: string | null;

  @Column({ type: 'text' })
  role: 'user' | 'viewer' | 'admin';

  @Column({ name: 'blocked_at', type: 'timestamptz', nullable: true })
  blockedAt: Date | null;

  @Column({ name: 'block_reason', type: 'text', nullable: true })
  blockReason: string | null;

  /** Only the previous release reads it; see `linksVersion`. */
  @Column({ name: 'links_voided_at', type: 'timestamptz', nullable: true })
  linksVoidedAt: Date | null;

  /** Counts what ends links that were begun or confirmed before: these carry the number and must find it unchanged. */
  @Column({ name: 'links_version', type: 'integer' })
  linksVersion: number;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'last_signed_in_at', type: 'timestamptz', nullable: true })
  lastSignedInAt: Date | null;
}
