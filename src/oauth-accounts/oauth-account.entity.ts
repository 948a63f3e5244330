import { Column, Entity, JoinColumn, ManyToOne, PrimaryColumn, type Relation } from 'typeorm';
import { User } from '../users/user.entity.js';

/**
 * Why a link is broken: the provider no longer accepts the grant; the access token ran out and there was nothing to
 * renew it with; we took the grant back ourselves.
 */
export type HealthReason = 'grant_rejected' | 'no_refresh_token' | 'revoked';

/** A person at a provider. (provider, subject) is the identity; everything else is display. */
@Entity('oauth_accounts')
export class OAuthAccount {
  @PrimaryColumn('uuid')
  id: string;

  @Column({ name: 'user_id', type: 'uuid' })
  userId: string;

  @ManyToOne(() => User, { onDelete: 'CASCADE' })
  @JoinColumn({ name: 'user_id' })
  user: Relation<User>;

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

  /** Opened by the token vault and by nothing else. */
  @Column({ name: 'sealed_tokens', type: 'text', nullable: true })
  sealedTokens: string | null;

  /** Counts the token sets this row has held: whoever renews one stores it only while it is still that one. */
  @Column({ name: 'tokens_version', type: 'integer' })
  tokensVersion: number;

  /**
   * Counts the refresh tokens this row has held. A sign-in whose response has none writes the stored one back only
   * while it is still that one.
   */
  @Column({ name: 'refresh_token_version', type: 'integer' })
  refreshTokenVersion: number;

  @Column({ name: 'access_token_expires_at', type: 'timestamptz', nullable: true })
  accessTokenExpiresAt: Date | null;

  @Column({ name: 'refresh_locked_until', type: 'timestamptz', nullable: true })
  refreshLockedUntil: Date | null;

  /** The provider asked not to be asked for new tokens before (Retry-After). */
  @Column({ name: 'refresh_retry_at', type: 'timestamptz', nullable: true })
  refreshRetryAt: Date | null;

  @Column({ type: 'text' })
  health: 'connected' | 'needs_reconnect';

  /** Why it needs a reconnect; null while it is connected. */
  @Column({ name: 'health_reason', type: 'text', nullable: true })
  healthReason: HealthReason | null;

  @Column({ name: 'health_since', type: 'timestamptz' })
  healthSince: Date;

  @Column({ name: 'linked_at', type: 'timestamptz' })
  linkedAt: Date;

  @Column({ name: 'last_used_at', type: 'timestamptz' })
  lastUsedAt: Date;
}
