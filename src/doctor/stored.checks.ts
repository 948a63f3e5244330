import type { ClientBase } from 'pg';
import { isDatabaseUnavailable } from '../database/database.errors.js';
import { countKeyUse, type KeyUse } from '../oauth-accounts/key-rotation.js';
import { counted } from '../text/numbers.js';
import { type Finding, ok, problem, warning } from './finding.js';

/** A grant whose provider answers is taken back within seconds; after an hour it has failed three times. */
const LATE_AFTER_MS = 3600_000;

/** Whether everything that is stored opens with the keys of the ring. @param ring ids, newest first */
export async function keyUseFindings(client: ClientBase, ring: readonly string[]): Promise<Finding[]> {
  let uses: KeyUse[];
  try {
    uses = await countKeyUse(client);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    const what = 'Which keys the stored tokens need was not counted: it takes too long here.';
    return [warning('secret keys', what, 'Let it take its time: npm run cli -- keys:status')];
  }
  const rows = new Map<string | undefined, number>();
  for (const { keyId, rows: more } of uses) rows.set(keyId, (rows.get(keyId) ?? 0) + more);
  const missing = [...rows].filter(([keyId]) => keyId === undefined || !ring.includes(keyId));
  const [newest = '', ...older] = ring;
  return [
    ...missing.map(([keyId, number]) => missingKey(keyId, number)),
    ...older.map((id) =>
      rows.has(id)
        ? ok('secret keys', `Key ${id} still opens ${counted(rows.get(id) ?? 0, 'row')}.`, 'npm run cli -- keys:rotate')
        : ok(
            'secret keys',
            `Key ${id} opens nothing any more.`,
            'Take it out of SECRET_KEYS, ten minutes after the last restart with it at the front.',
          ),
    ),
    ...(missing.length === 0
      ? [ok('secret keys', `Every stored token opens with SECRET_KEYS; ${newest} seals new ones.`)]
      : []),
  ];
}

function missingKey(keyId: string | undefined, number: number): Finding {
  const rows = `${counted(number, 'row')} ${number === 1 ? 'is' : 'are'}`;
  return keyId === undefined
    ? problem(
        'secret keys',
        `${rows} damaged and name no key.`,
        'Restore them from a backup, or these people connect again.',
      )
    : problem(
        'secret keys',
        `${rows} sealed with ${keyId}, which is not in SECRET_KEYS.`,
        'Put the key back behind the newest one, or these people must connect again.',
      );
}

export async function revocationFindings(client: ClientBase): Promise<Finding[]> {
  const { rows } = await client.query<{
    open: string;
    oldest: Date | null;
    failed: string;
    providers: string[] | null;
  }>(`
    SELECT count(*) FILTER (WHERE failed_at IS NULL) AS open, count(failed_at) AS failed,
           min(requested_at) FILTER (WHERE failed_at IS NULL) AS oldest,
           array_agg(DISTINCT provider) FILTER (WHERE failed_at IS NOT NULL) AS providers
    FROM revocations`);
  const [row] = rows;
  const [open, failed] = [Number(row?.open ?? 0), Number(row?.failed ?? 0)];
  const found: Finding[] = [];
  if (failed > 0) {
    found.push(
      warning(
        'revocations',
        `${counted(failed, 'grant')} could not be taken back and ${failed === 1 ? 'was' : 'were'} given up, at ${(row?.providers ?? []).join(', ')}.`,
        'npm run cli -- revocations:list names them; the people can end the access in their account at the provider.',
      ),
    );
  }
  const waitedMs = row?.oldest ? Date.now() - row.oldest.getTime() : 0;
  if (open > 0 && waitedMs > LATE_AFTER_MS) {
    found.push(
      warning(
        'revocations',
        `${counted(open, 'grant')} ${open === 1 ? 'waits' : 'wait'} to be taken back, the oldest for ${hours(waitedMs)}.`,
        'See whether Gatehouse runs and the provider answers: npm run cli -- revocations:list names the reasons.',
      ),
    );
  } else {
    const what =
      open === 0 ? 'No grant waits to be taken back.' : `${counted(open, 'grant')} will be taken back shortly.`;
    found.push(ok('revocations', what));
  }
  return found;
}

/** Users whose address the migration found to be another user's in another spelling. */
const CONFLICTS = `
  SELECT e.user_id AS id, e.data ->> 'keptBy' AS "keptBy"
  FROM audit_entries e JOIN users u ON u.id = e.user_id AND NOT u.email_verified
  JOIN users other ON other.email_verified AND other.email_canonical = u.email_canonical
  WHERE e.action = 'user.email-conflict' ORDER BY e.at, e.id LIMIT 20`;

/** Whether two users had verified one mailbox in two spellings, and nobody has decided yet whose it is. */
export async function emailFindings(client: ClientBase): Promise<Finding[]> {
  const { rows } = await client.query<{ id: string; keptBy: string }>(CONFLICTS);
  if (rows.length === 0) return [ok('database', 'No two users have one verified email address.')];
  const pairs = rows.map(({ id, keptBy }) => `${id} (kept by ${keptBy})`).join(', ');
  return [
    warning(
      'database',
      `${counted(rows.length, 'user')} had verified the email address of another user in another spelling, and ${rows.length === 1 ? 'has' : 'have'} it as not verified now: ${pairs}.`,
      'Both sign in as before. If they are one user, let them link the accounts and merge; if not, release the address of the one who no longer owns it, on the page /admin/users/<id>.',
    ),
  ];
}

function hours(ms: number): string {
  const whole = Math.floor(ms / 3600_000);
  return whole < 48 ? counted(whole, 'hour') : counted(Math.floor(whole / 24), 'day');
}
