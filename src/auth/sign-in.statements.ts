import type { PreparedStatement } from '../database/prepared.js';

/**
 * A sign-in is two statements after its attempt was used: read the facts, make it so. Each of the two writing ones
 * is a transaction of its own, so that everything below is stored together or not at all.
 *
 * Parameters shared by both: 1 provider, 2 subject, 3 email, 4 email verified, 5 name, 6 picture, 7 scopes,
 * 8 sealed tokens, 9 access token expiry, 10 account id, 11 user id, 12 role admin, 13 session id, 14 session token
 * hash, 15 ip, 16 user agent, 17 session seconds, 18 state hash, 19 reference, 20 token hash of the session replaced.
 */
export const READ_FACTS: PreparedStatement = {
  name: 'sign-in-facts',
  text: `
    SELECT a.id AS account_id, a.user_id, a.sealed_tokens, u.blocked_at IS NOT NULL AS user_blocked,
           EXISTS (SELECT FROM users WHERE email_verified AND lower(email) = lower($3)) AS email_taken
    FROM (SELECT) AS once
    LEFT JOIN oauth_accounts a ON a.provider = $1 AND a.subject = $2
    LEFT JOIN users u ON u.id = a.user_id`,
};

/** What both endings do once there is an \`account\`: session, attempt's outcome, audit. */
const COMPLETE = (actions: string) => `
  replaced AS (
    DELETE FROM sessions USING account WHERE token_hash = $20 RETURNING sessions.id, sessions.user_id
  ),
  session AS (
    INSERT INTO sessions (id, token_hash, user_id, account_id, ip, user_agent, expires_at)
    SELECT $13::uuid, $14::bytea, user_id, id, $15::inet, $16::text, now() + make_interval(secs => $17) FROM account
  ),
  attempt AS (
    UPDATE sign_in_attempts SET outcome = 'succeeded', finished_at = now(), user_id = account.user_id
    FROM account WHERE state_hash = $18
  ),
  audit AS (
    INSERT INTO audit_entries (id, actor_id, action, target, data, ip, reference)
    SELECT gen_random_uuid(), user_id, action, target || ':' || CASE target WHEN 'user' THEN user_id ELSE id END,
           jsonb_build_object('provider', $1::text), $15::inet, $19
    FROM account, (VALUES ${actions}) AS done (action, target)
  )
  SELECT account.user_id, replaced.id AS replaced_id, replaced.user_id AS replaced_user_id
  FROM account LEFT JOIN replaced ON true`;

/**
 * Somebody who is known. No row comes back when the person was blocked or the account went away since the facts were
 * read; then nothing was changed. The person's row is locked before the account's, here and everywhere.
 */
export const SIGN_IN: PreparedStatement = {
  name: 'sign-in',
  text: `
  WITH person AS (
    UPDATE users SET last_signed_in_at = now(), role = CASE WHEN $12 THEN 'admin' ELSE role END
    WHERE id = $11 AND blocked_at IS NULL RETURNING id
  ),
  account AS (
    UPDATE oauth_accounts a
    SET email = $3, email_verified = $4, name = $5, picture_url = $6, scopes = $7, sealed_tokens = $8,
        tokens_version = tokens_version + 1, access_token_expires_at = $9, last_used_at = now(),
        health = 'connected', health_reason = NULL, refresh_locked_until = NULL, refresh_retry_at = NULL,
        health_since = CASE health WHEN 'connected' THEN health_since ELSE now() END
    FROM person
    WHERE a.id = $10 AND a.user_id = person.id AND a.provider = $1 AND a.subject = $2
    RETURNING a.id, a.user_id
  ),${COMPLETE(`('user.signed-in', 'user')`)}`,
};

/**
 * Somebody new. Of many first sign-ins at once the unique index lets one insert the account; the others get no row
 * back, and no person is made for them because the person is made from the account. The reference of the account to
 * its person is checked when the statement ends. A verified address that was taken meanwhile fails the statement.
 */
export const REGISTER: PreparedStatement = {
  name: 'register',
  text: `
  WITH account AS (
    INSERT INTO oauth_accounts (id, user_id, provider, subject, email, email_verified, name, picture_url, scopes,
                                sealed_tokens, access_token_expires_at)
    VALUES ($10, $11, $1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (provider, subject) DO NOTHING
    RETURNING id, user_id
  ),
  person AS (
    INSERT INTO users (id, name, email, email_verified, picture_url, role, last_signed_in_at)
    SELECT user_id, $5, $3, $4, $6, CASE WHEN $12 THEN 'admin' ELSE 'user' END, now() FROM account
  ),${COMPLETE(`('user.registered', 'user'), ('account.linked', 'account'), ('user.signed-in', 'user')`)}`,
};
