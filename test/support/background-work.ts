/**
 * Matches the statements that every process runs from time to time, whatever anybody does: its looks for entries to
 * chain, and for grants to take back. For JavaScript, and for `~` in Postgres.
 */
export const BACKGROUND_WORK =
  'chain_audit_entries|FROM audit_redactions ORDER BY|SELECT id FROM revocations WHERE failed_at IS NULL';
