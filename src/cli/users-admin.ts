import { type Command, InvalidArgumentError } from 'commander';
import type { Client } from 'pg';
import { insertEntries } from '../audit/audit-entries.js';
import { canonicalEmail } from '../config/email-address.js';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import { counted } from '../text/numbers.js';
import type { LockedPerson } from '../users/admins.js';
import { withDatabase } from './database.js';

const PERSON = 'email|user id';
const ABOUT_PERSON =
  'A person is named by the verified email address they are known by here, or by their id. It counts from their next ' +
  'request; Gatehouse may run meanwhile. Needs DATABASE_URL, or the embedded Postgres.';

/** By an id, or by an address that somebody vouches for: anybody can say to have one. */
const FIND = `
  SELECT id, role, blocked_at IS NOT NULL AS "isBlocked" FROM users
  WHERE id = $1 OR (email_verified AND email_canonical = $2)`;
const CLAIMING = `
  SELECT id FROM users WHERE email_canonical = $1 AND NOT email_verified ORDER BY created_at, id LIMIT 20`;
const SET_ROLE = 'UPDATE users SET role = $2 WHERE id = $1';
const AUDIT = insertEntries({
  actor: 'NULL',
  user: '$1',
  action: `'user.role-changed'`,
  target: `'user:' || $1::uuid`,
  data: `jsonb_build_object('from', $2::text, 'to', $3::text, 'by', 'command line')`,
});

interface Named {
  readonly id: string | null;
  /** In canonical form. */
  readonly email: string | null;
}

interface Person {
  readonly id: string;
  readonly role: string;
  readonly isBlocked: boolean;
}

export function addUsersGrantAdmin(program: Command): void {
  program
    .command('users:grant-admin')
    .argument(`<${PERSON}>`, 'who', named)
    .summary('make an admin of somebody')
    .description(`Gives a person the role admin. ${ABOUT_PERSON}`)
    .action(async (who: Named) => {
      await changeRole(who, ({ id, role, isBlocked }) => {
        const blocked = isBlocked ? ' They are blocked, and cannot sign in before an admin unblocks them.' : '';
        return role === 'admin'
          ? { say: `${id} is an admin already.${blocked}` }
          : { role: 'admin', say: `${id} is an admin now.${blocked}` };
      });
    });
}

export function addUsersRevokeAdmin(program: Command): void {
  program
    .command('users:revoke-admin')
    .argument(`<${PERSON}>`, 'who', named)
    .summary('take the role admin from somebody')
    .description(
      'Takes the role admin from a person, who is a user like any other then. The only admin stays one. ' +
        ABOUT_PERSON,
    )
    .action(async (who: Named) => {
      await changeRole(who, ({ id, role }, isLast) => {
        if (role !== 'admin') return { say: `${id} is no admin.` };
        if (isLast) {
          throw new PlainError(
            `${id} is the only admin: without them nobody could run this place. Make another one first: ` +
              `npm run cli -- users:grant-admin <${PERSON}>`,
          );
        }
        return { role: 'user', say: `${id} is no admin any more.` };
      });
    });
}

/** @throws InvalidArgumentError which ends the command as wrong usage */
function named(text: string): Named {
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(text)) return { id: text, email: null };
  const email = canonicalEmail(text);
  if (email !== undefined) return { id: null, email };
  throw new InvalidArgumentError('It is neither an email address nor a user id.');
}

/** What becomes of somebody, and what the operator reads. */
interface Outcome {
  readonly role?: 'admin' | 'user';
  readonly say: string;
}

async function changeRole(who: Named, decide: (person: Person, isLast: boolean) => Outcome): Promise<void> {
  const [{ loadDatabaseConfig }, { retryConflicts }, { isLastAdmin, LOCK_ADMINS }] = await Promise.all([
    import('../config/config.js'),
    import('../database/conflicts.js'),
    import('../users/admins.js'),
  ]);
  const say = await withDatabase(loadDatabaseConfig(readEnvironment()), async (client) => {
    const { id } = await find(client, who);
    return retryConflicts(() =>
      inTransaction(client, async () => {
        const { rows: people } = await client.query<LockedPerson>(LOCK_ADMINS, [id]);
        const { rows } = await client.query<Person>(FIND, [id, null]);
        const [person] = rows;
        if (!person) throw nobody(who);
        const { role, say } = decide(person, isLastAdmin(people, id));
        if (role !== undefined) {
          await client.query(SET_ROLE, [id, role]);
          await client.query(AUDIT, [id, person.role, role]);
        }
        return say;
      }),
    );
  });
  process.stdout.write(`${say}\n`);
}

async function find(client: Client, who: Named): Promise<Person> {
  const { rows } = await client.query<Person>(FIND, [who.id, who.email]);
  const [person] = rows;
  if (person) return person;
  if (who.email === null) throw nobody(who);
  const claiming = await client.query<{ id: string }>(CLAIMING, [who.email]);
  if (claiming.rows.length === 0) throw nobody(who);
  const people = counted(claiming.rows.length, 'person says', 'people say');
  throw new PlainError(
    `Nobody here has this email address verified. ${people} to have it, which proves nothing: make sure who it is, and ` +
      `give the id instead of the address.\n${claiming.rows.map(({ id }) => `  ${id}`).join('\n')}`,
  );
}

function nobody({ email }: Named): PlainError {
  return new PlainError(
    email === null
      ? 'Nobody here has this id.'
      : 'Nobody here has this email address verified. Let the person sign in first, or give their id.',
  );
}

async function inTransaction<Result>(client: Client, work: () => Promise<Result>): Promise<Result> {
  await client.query('BEGIN');
  try {
    const result = await work();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}
