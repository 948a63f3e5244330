/**
 * The user $1 and every user who was merged into them, as `they (id)` of a `WITH RECURSIVE`: the entries of a merged
 * account are part of the history of the one that stays, and are appended to, never moved.
 */
export const THEY = `
  they (id) AS (
    SELECT $1::uuid
    UNION
    SELECT substr(e.target, 6)::uuid FROM audit_entries e JOIN they ON e.user_id = they.id WHERE e.action = 'user.merged'
  )`;
