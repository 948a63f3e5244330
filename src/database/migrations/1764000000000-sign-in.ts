import type { MigrationInterface, QueryRunner } from 'typeorm';

/** People, their provider accounts, sessions, sign-in attempts and the audit trail. */
export class SignIn1764000000000 implements MigrationInterface {
  name = 'SignIn1764000000000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      CREATE TABLE users (
        id                uuid PRIMARY KEY,
        name              text,
        email             text,
        email_verified    boolean NOT NULL DEFAULT false,
        picture_url       text,
        role              text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'viewer', 'admin')),
        blocked_at        timestamptz,
        block_reason      text,
        created_at        timestamptz NOT NULL DEFAULT now(),
        last_signed_in_at timestamptz,
        CHECK (email IS NOT NULL OR NOT email_verified)
      );

      -- An address belongs to one person, but only once somebody has vouched for it. Unverified ones give no claim.
      CREATE UNIQUE INDEX users_verified_email_key ON users (lower(email)) WHERE email_verified;

      CREATE TABLE oauth_accounts (
        id                      uuid PRIMARY KEY,
        user_id                 uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        provider                text NOT NULL COLLATE "C",
        subject                 text NOT NULL COLLATE "C" CHECK (length(subject) BETWEEN 1 AND 255),
        email                   text,
        email_verified          boolean NOT NULL DEFAULT false,
        name                    text,
        picture_url             text,
        scopes                  text[] NOT NULL DEFAULT '{}',
        sealed_tokens           text,
        access_token_expires_at timestamptz,
        -- While one process renews the tokens, the others wait for it: a lock that needs no open connection.
        refresh_locked_until    timestamptz,
        health                  text NOT NULL DEFAULT 'connected' CHECK (health IN ('connected', 'needs_reconnect')),
        linked_at               timestamptz NOT NULL DEFAULT now(),
        last_used_at            timestamptz NOT NULL DEFAULT now(),
        UNIQUE (provider, subject)
      );
      CREATE INDEX oauth_accounts_user_id ON oauth_accounts (user_id);

      CREATE TABLE sessions (
        id           uuid PRIMARY KEY,
        token_hash   bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
        user_id      uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
        account_id   uuid REFERENCES oauth_accounts (id) ON DELETE SET NULL,
        ip           inet,
        user_agent   text,
        signed_in_at timestamptz NOT NULL DEFAULT now(),
        last_seen_at timestamptz NOT NULL DEFAULT now(),
        expires_at   timestamptz NOT NULL
      );
      CREATE INDEX sessions_user_id ON sessions (user_id);
      CREATE INDEX sessions_account_id ON sessions (account_id);

      CREATE TABLE sign_in_attempts (
        state_hash  bytea PRIMARY KEY CHECK (length(state_hash) = 32),
        provider    text NOT NULL,
        intent      text NOT NULL CHECK (intent IN ('sign_in', 'link')),
        started_at  timestamptz NOT NULL,
        finished_at timestamptz,
        outcome     text CHECK (outcome IN ('succeeded', 'failed')),
        step        text,
        code        text,
        reference   text NOT NULL,
        user_id     uuid REFERENCES users (id) ON DELETE SET NULL
      );
      CREATE INDEX sign_in_attempts_user_id ON sign_in_attempts (user_id);

      CREATE TABLE audit_entries (
        id        uuid PRIMARY KEY,
        at        timestamptz NOT NULL DEFAULT now(),
        -- No foreign key: the trail outlives the person, as a pseudonym.
        actor_id  uuid,
        action    text NOT NULL,
        target    text NOT NULL,
        data      jsonb NOT NULL DEFAULT '{}',
        ip        inet,
        reference text
      );
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP TABLE audit_entries, sign_in_attempts, sessions, oauth_accounts, users`);
  }
}
