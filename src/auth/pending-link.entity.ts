import { Column, Entity, PrimaryColumn } from 'typeorm';

/** A proven account whose link, or whose owner's merge, somebody has still to say yes to. */
@Entity('pending_links')
export class PendingLink {
  /** Of a link: the id the account will have. Its tokens are sealed for that place already. */
  @PrimaryColumn('uuid')
  id: string;

  @Column({ name: 'token_hash', type: 'bytea' })
  tokenHash: Buffer;

  @Column({ type: 'text' })
  kind: 'link' | 'merge';

  /** Who may say yes. */
  @Column({ name: 'user_id', type: 'uuid' })
  userId: string;

  /** Whom a merge would join to them. */
  @Column({ name: 'other_user_id', type: 'uuid', nullable: true })
  otherUserId: string | null;

  /** Of the user, and of the other one, when it was stored: see `users.links_version`. */
  @Column({ name: 'links_version', type: 'integer', nullable: true })
  linksVersion: number | null;

  @Column({ name: 'other_links_version', type: 'integer', nullable: true })
  otherLinksVersion: number | null;

  @Column({ type: 'text' })
  provider: string;

  @Column({ type: 'text' })
  subject: string;

  @Column({ type: 'text', nullable: true })
  email: string | null;

  /** The form that is compared, as of a user's. */
  @Column({ name: 'email_canonical', type: 'text', nullable: true })
  emailCanonical: string | null;

  @Column({ name: 'email_verified', type: 'boolean' })
  emailVerified: boolean;

  @Column({ type: 'text', nullable: true })
  name: string | null;

  @Column({ name: 'picture_url', type: 'text', nullable: true })
  pictureUrl: string | null;

  @Column({ type: 'text', array: true })
  scopes: string[];

  @Column({ name: 'sealed_tokens', type: 'text', nullable: true })
  sealedTokens: string | null;

  @Column({ name: 'access_token_expires_at', type: 'timestamptz', nullable: true })
  accessTokenExpiresAt: Date | null;

  @Column({ name: 'created_at', type: 'timestamptz' })
  createdAt: Date;

  @Column({ name: 'expires_at', type: 'timestamptz' })
  expiresAt: Date;
}
