import type { AuditAction } from '../audit/audit-actions.js';
import { insertEntries } from '../audit/audit-entries.js';
import type { PreparedStatement } from '../database/prepared.js';

/**
 * A sign-in is two statements after its attempt was used: read the facts, make it so. Each of the writing ones
 * is a transaction of its own, so that everything below is stored together or not at all.
 *
 * Parameters shared by all that write: 1 provider, 2 subject, 3 email, 4 email verified, 5 name, 6 picture, 7 scopes,
 * 8 sealed tokens, 9 access token expiry, 10 account id, 11 user id, 12 session id, 13 ip, 14 state hash, 15 reference,
 * 16 decision, 17 its reasons. Of a sign-in: 18 role admin, 19 session token hash, 20 user agent, 21 session seconds,
 * 22 token hash of the session replaced, 23 device, 24 version of the refresh token kept, 25 authenticated at, 26
 * canonical email, 27 sessions a user can have. Of a registration: 24 only with an invitation. Of a link: 18 links
 * version, 19 canonical email, 20 hash of the next session token, 21 of the present one, 22 version of the refresh token
 * kept.
 */
export const READ_FACTS: PreparedStatement = {
  name: 'sign-in-facts',
  text: `
    SELECT a.id AS account_id, a.user_id, a.sealed_tokens, a.refresh_token_version,
           u.blocked_at IS NOT NULL AS user_blocked,
           (SELECT id FROM users WHERE email_verified AND email_canonical = $3) AS email_owner_id,
           EXISTS (SELECT FROM invitations
                   WHERE email_canonical = $3 AND used_at IS NULL AND withdrawn_at IS NULL) AS invited
    FROM (SELECT) AS once
    LEFT JOIN oauth_accounts a ON a.provider = $1 AND a.subject = $2
    LEFT JOIN users u ON u.id = a.user_id`,
};

/**
 * Moves a link to the subject that the provider uses now, from one it used before, see `formerSubjects`. A link that is
 * stored under the new one already is the user's, and the old one stays as it is.
 *
 * Parameters: 1 provider, 2 subject, 3 former subjects.
 */
export const MOVE_TO_SUBJECT: PreparedStatement = {
  name: 'move-to-subject',
  text: `
    UPDATE oauth_accounts SET subject = $2
    WHERE id = (SELECT id FROM oauth_accounts WHERE provider = $1 AND subject = ANY ($3::text[])
                ORDER BY array_position($3::text[], subject) LIMIT 1)
      AND NOT EXISTS (SELECT FROM oauth_accounts WHERE provider = $1 AND subject = $2)
    RETURNING id`,
};

/**
 * What a person at a provider has of ours, from the newest answer; a link that was broken is whole again. What the
 * answer lacks stays as it was: Apple sends a name once. An address and the word for it stay together.
 *
 * @param kept the parameter with the version of the stored refresh token that is written back, null where the response
 *   brought a new one. No row is updated when a refresh has rotated that token since it was read: it is dead by now.
 */
const refreshAccount = (kept: string, canonicalEmail: string) => `
    UPDATE oauth_accounts a
    SET email = COALESCE($3, a.email), email_canonical = COALESCE(${canonicalEmail}, a.email_canonical),
        email_verified = CASE WHEN $3::text IS NULL THEN a.email_verified ELSE $4 END,
        name = COALESCE($5, a.name), picture_url = COALESCE($6, a.picture_url), scopes = $7, sealed_tokens = $8,
        tokens_version = tokens_version + 1,
        refresh_token_version = refresh_token_version + CASE WHEN ${kept}::integer IS NULL THEN 1 ELSE 0 END,
        access_token_expires_at = $9, last_used_at = now(),
        health = 'connected', health_reason = NULL, refresh_locked_until = NULL, refresh_retry_at = NULL,
        health_since = CASE health WHEN 'connected' THEN health_since ELSE now() END
    FROM person
    WHERE a.id = $10 AND a.user_id = person.id AND a.provider = $1 AND a.subject = $2
      AND (${kept}::integer IS NULL OR a.refresh_token_version = ${kept})
    RETURNING a.id, a.user_id`;

/** What all endings do once there is an `account`: the attempt's outcome, audit. */
const RECORD = (actions: readonly (readonly [AuditAction, target: 'user' | 'account'])[], more = '') => `
  attempt AS (
    UPDATE sign_in_attempts
    SET outcome = 'succeeded', finished_at = now(), user_id = account.user_id, decision = $16, reasons = $17
    FROM account WHERE state_hash = $14
  ),
  audit AS (${insertEntries({
    actor: 'user_id',
    user: 'user_id',
    action: 'action',
    target: `target || ':' || CASE target WHEN 'user' THEN user_id ELSE id END`,
    data: `jsonb_build_object('provider', $1::text)${more}`,
    ip: '$13',
    reference: '$15',
    from: `account, (VALUES ${actions.map(([action, target]) => `('${action}', '${target}')`).join(', ')}) AS done (action, target)`,
  })}
  )`;

/**
 * The address of the user follows the account that vouches for it, once there is an `account`:
 *
 * - A verified address that no other user has becomes the user's, unless another account vouches for the stored one.
 * - One that another user has verified is never taken. The user keeps the stored one, which is no longer verified when no
 *   other account vouches for it, so that its present owner can verify it.
 * - One that is not verified replaces a stored one that is not verified either, unless another account has that one. A
 *   verified one stays, and is no longer verified when no other account vouches for it.
 *
 * Two at once for one address: the unique index fails one statement, which is tried again.
 */
const followEmail = (canonicalEmail: string) => `
  followed AS (
    SELECT person.id, CASE WHEN stays THEN person.email ELSE $3 END AS email,
           CASE WHEN stays THEN person.email_canonical ELSE ${canonicalEmail} END AS email_canonical,
           $4 AND NOT is_taken AS email_verified
    FROM person JOIN account ON account.user_id = person.id
    CROSS JOIN LATERAL (
      SELECT COALESCE(bool_or(a.email_verified AND a.id = account.id), false) AS by_this,
             COALESCE(bool_or(a.email_verified AND a.id <> account.id), false) AS by_another,
             COALESCE(bool_or(a.id <> account.id), false) AS at_another
      FROM oauth_accounts a
      WHERE a.user_id = person.id AND a.email_canonical = person.email_canonical
    ) AS stored_one
    CROSS JOIN LATERAL (
      SELECT $4::boolean AND EXISTS (
        SELECT FROM users other WHERE other.id <> person.id AND other.email_verified
                                  AND other.email_canonical = ${canonicalEmail}) AS is_taken
    ) AS brought_one
    CROSS JOIN LATERAL (SELECT is_taken OR (person.email_verified AND NOT $4) AS stays) AS outcome
    WHERE $3 IS NOT NULL AND CASE
      WHEN is_taken THEN person.email_verified AND NOT by_another
      WHEN NOT person.email_verified THEN $4 OR ($3 IS DISTINCT FROM person.email AND NOT at_another)
      WHEN NOT $4 THEN by_this AND NOT by_another
      WHEN person.email_canonical = ${canonicalEmail} THEN $3 <> person.email AND by_this AND NOT by_another
      ELSE by_this OR NOT by_another END
  ),
  followed_audit AS (${insertEntries({
    actor: 'id',
    user: 'id',
    action: `'user.email-changed'`,
    target: `'user:' || id`,
    data: `jsonb_build_object('provider', $1::text, 'email', email)`,
    ip: '$13',
    reference: '$15',
    from: 'followed',
  })}
  )`;

/** What the user has of the account: the address as above; a name and a picture where there was none before. */
const storeUser = (more = '') => `
  stored AS (
    UPDATE users
    SET email = COALESCE(followed.email, users.email),
        email_canonical = COALESCE(followed.email_canonical, users.email_canonical),
        email_verified = COALESCE(followed.email_verified, users.email_verified),
        name = COALESCE(users.name, $5), picture_url = COALESCE(users.picture_url, $6)${more}
    FROM account LEFT JOIN followed ON true WHERE users.id = account.user_id
  )`;

/** The session that a sign-in begins, in place of the one this browser had. */
const BEGIN_SESSION = `
  replaced AS (
    DELETE FROM sessions USING account WHERE token_hash = $22 RETURNING sessions.id, sessions.user_id
  ),
  session AS (
    INSERT INTO sessions (id, token_hash, user_id, account_id, ip, user_agent, expires_at,
                          authenticated_at)
    SELECT $12::uuid, $19::bytea, user_id, id, $13::inet, $20::text, now() + make_interval(secs => $21), $25::timestamptz
    FROM account
  )`;

/** What one sign-in deletes at most, where a user has far more sessions than they can have. */
const SURPLUS_LIMIT = 100;

/**
 * The user's oldest sessions, so that there is room for the new one. A sign-in costs the same however many there are: rows
 * are counted no further than it can matter. Of two sign-ins at once neither sees the other's session; the next one ends it.
 */
const END_SURPLUS = `
  surplus AS (
    DELETE FROM sessions WHERE id IN (
      SELECT s.id FROM sessions s JOIN account ON account.user_id = s.user_id
      WHERE s.token_hash IS DISTINCT FROM $22
      ORDER BY s.signed_in_at, s.id
      LIMIT GREATEST(0, 1 - $27::int + (
        SELECT count(*) FROM (
          SELECT FROM sessions s JOIN account ON account.user_id = s.user_id
          WHERE s.token_hash IS DISTINCT FROM $22 LIMIT $27::int - 1 + ${SURPLUS_LIMIT}
        ) AS counted
      ))
    )
    RETURNING id, user_id
  ),
  surplus_audit AS (${insertEntries({
    actor: 'user_id',
    user: 'user_id',
    action: `'session.ended'`,
    target: `'session:' || id`,
    data: `'{"cause": "session limit"}'`,
    ip: '$13',
    reference: '$15',
    from: 'surplus',
  })}
  )`;

/** The kind of browser stays when its session has ended: only so can a later sign-in be told to be from a new one. */
const WITH_DEVICE = `
           || CASE action WHEN 'user.signed-in' THEN jsonb_strip_nulls(jsonb_build_object('device', $23::text))
              ELSE '{}' END`;

/** The sessions that ended with it, and the role that the user had before. */
const SIGNED_IN = (ended: string, formerRole: string) => `
  SELECT (SELECT json_agg(json_build_object('sessionId', id, 'userId', user_id)) FROM (${ended}) AS ended) AS ended,
         ${formerRole} AS former_role
  FROM account`;

/** A known user whom `ADMIN_ACCOUNTS` gives another role than they have, so that a demotion is not undone unseen. */
const ROLE_CHANGED = `
  promoted AS (
    SELECT person.id, person.role FROM person, account WHERE person.id = account.user_id AND $18 AND person.role <> 'admin'
  ),
  role_audit AS (${insertEntries({
    actor: 'NULL',
    user: 'id',
    action: `'user.role-changed'`,
    target: `'user:' || id`,
    data: `jsonb_build_object('from', role, 'to', 'admin', 'by', 'ADMIN_ACCOUNTS')`,
    ip: '$13',
    reference: '$15',
    from: 'promoted',
  })}
  )`;

/**
 * Somebody who is known. No row comes back when the person was blocked, the account went away or its refresh token was
 * rotated since the facts were read; then nothing was changed: an account that left a person gives them no role. The person's row is locked before the
 * account's, here and everywhere.
 */
export const SIGN_IN: PreparedStatement = {
  name: 'sign-in',
  text: `
  WITH person AS (
    SELECT id, email, email_canonical, email_verified, role FROM users
    WHERE id = $11 AND blocked_at IS NULL FOR NO KEY UPDATE
  ),
  account AS (${refreshAccount('$24', '$26')}
  ),
${followEmail('$26')},${storeUser(`,
        last_signed_in_at = now(), role = CASE WHEN $18 THEN 'admin' ELSE role END`)},${ROLE_CHANGED},${BEGIN_SESSION},${END_SURPLUS},${RECORD([['user.signed-in', 'user']], WITH_DEVICE)}${SIGNED_IN(
    'SELECT * FROM replaced UNION ALL SELECT * FROM surplus',
    '(SELECT role FROM promoted)',
  )}`,
};

/**
 * Somebody new. Of many first sign-ins at once the unique index lets one insert the account; the others get no row
 * back, and no person is made for them because the person is made from the account. The reference of the account to
 * its person is checked when the statement ends. A verified address that was taken meanwhile fails the statement.
 *
 * An open invitation for their verified address is used by this. It is locked before the account is made, always: where
 * people come by invitation only, one that was withdrawn or used meanwhile makes nobody.
 */
export const REGISTER: PreparedStatement = {
  name: 'register',
  text: `
  WITH invitation AS (
    SELECT id FROM invitations
    WHERE email_canonical = $26 AND $4::boolean AND used_at IS NULL AND withdrawn_at IS NULL FOR UPDATE
  ),
  account AS (
    INSERT INTO oauth_accounts (id, user_id, provider, subject, email, email_canonical, email_verified, name,
                                picture_url, scopes, sealed_tokens, access_token_expires_at)
    SELECT $10::uuid, $11::uuid, $1, $2, $3::text, $26::text, $4::boolean, $5::text, $6::text, $7::text[], $8::text,
           $9::timestamptz
    FROM (SELECT count(*) AS number FROM invitation) AS open
    WHERE number > 0 OR NOT $24::boolean
    ON CONFLICT (provider, subject) DO NOTHING
    RETURNING id, user_id
  ),
  used AS (
    UPDATE invitations SET used_at = now(), used_by = account.user_id FROM account, invitation
    WHERE invitations.id = invitation.id
    RETURNING invitations.id, used_by
  ),
  used_audit AS (${insertEntries({
    actor: 'used_by',
    user: 'used_by',
    action: `'invitation.used'`,
    target: `'invitation:' || id`,
    ip: '$13',
    reference: '$15',
    from: 'used',
  })}
  ),
  person AS (
    INSERT INTO users (id, name, email, email_canonical, email_verified, picture_url, role, last_signed_in_at)
    SELECT user_id, $5, $3, $26, $4, $6, CASE WHEN $18 THEN 'admin' ELSE 'user' END, now() FROM account
  ),${BEGIN_SESSION},${RECORD(
    [
      ['user.registered', 'user'],
      ['account.linked', 'account'],
      ['user.signed-in', 'user'],
    ],
    WITH_DEVICE,
  )}${SIGNED_IN('SELECT * FROM replaced', 'NULL::text')}`,
};

/**
 * Who began a link, still there: their session lives, nobody blocked them, and nothing was unlinked since they began.
 * Their row is locked, so that an unlink, a block or a deletion comes before all of this or after it.
 */
const LINKING_PERSON = `
  person AS (
    SELECT u.id, u.email, u.email_canonical, u.email_verified
    FROM users u JOIN sessions s ON s.user_id = u.id AND s.id = $12 AND s.expires_at > now()
    WHERE u.id = $11 AND u.blocked_at IS NULL AND u.links_version = $18::integer
    FOR UPDATE OF u
  )`;

/**
 * The session goes on with another token: one that was copied before the link no longer works. Of two links that end at the
 * same moment one gives it the new token, so that the browser has the right one whichever response arrives last.
 */
const RENEW_TOKEN = `
  renewed AS (
    UPDATE sessions SET token_hash = $20 FROM account
    WHERE sessions.id = $12 AND token_hash IN ($20, $21)
    RETURNING sessions.id
  )`;

const LINKED = 'SELECT EXISTS (SELECT FROM renewed) AS is_renewed FROM account';

/** A new way in for somebody who is here. No row comes back when they went away, or the account became somebody's. */
export const LINK: PreparedStatement = {
  name: 'link',
  text: `
  WITH ${LINKING_PERSON},
  account AS (
    INSERT INTO oauth_accounts (id, user_id, provider, subject, email, email_canonical, email_verified, name,
                                picture_url, scopes, sealed_tokens, access_token_expires_at)
    SELECT $10::uuid, id, $1, $2, $3::text, $19::text, $4::boolean, $5::text, $6::text, $7::text[], $8::text,
           $9::timestamptz
    FROM person
    ON CONFLICT (provider, subject) DO NOTHING
    RETURNING id, user_id
  ),${followEmail('$19')},${storeUser()},${RENEW_TOKEN},${RECORD([['account.linked', 'account']])}
  ${LINKED}`,
};

/** An account that was theirs already: newer tokens, and a broken link is whole again. */
export const RECONNECT: PreparedStatement = {
  name: 'reconnect',
  text: `
  WITH ${LINKING_PERSON},
  account AS (${refreshAccount('$22', '$19')}
  ),${followEmail('$19')},${storeUser()},${RENEW_TOKEN},${RECORD([['account.reconnected', 'account']])}
  ${LINKED}`,
};
