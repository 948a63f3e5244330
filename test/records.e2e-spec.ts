import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import { PEOPLE } from '../src/stand-in/people.js';
import { Browser } from './support/browser.js';
import { type Desk, type Listed, openDesk, signIn } from './support/desk.js';

const PAGE = { accept: 'text/html' };

let desk: Desk;
let grace: Browser;
let graceId: string;

beforeAll(async () => {
  desk = await openDesk();
  grace = new Browser(desk.app.url);
  await signIn(grace, PEOPLE[1]!.claims.sub);
  ({ id: graceId } = (await grace.me()) as { id: string });
});

afterAll(() => desk.close());

const sql = <Row extends Record<string, unknown>>(text: string, values: unknown[] = []) =>
  desk.database.query<Row>(text, values);
const list = async (path: string, query: Record<string, string>) =>
  (await (await desk.ada.get(`/api/admin/${path}?${new URLSearchParams(query).toString()}`)).json()) as Listed<
    Record<string, string>
  >;

/** A second linked account of Grace's. @returns its id */
async function secondAccount(): Promise<string> {
  const id = randomUUID();
  await sql(`INSERT INTO oauth_accounts (id, user_id, provider, subject) VALUES ($1, $2, 'google', $3)`, [
    id,
    graceId,
    id,
  ]);
  return id;
}

/** The text of a section of a page. */
async function section(browser: Browser, path: string, id: string): Promise<string> {
  const text = await (await browser.get(path, PAGE)).text();
  return new RegExp(`aria-labelledby="${id}-title"[\\s\\S]*?</section>`).exec(text)?.[0] ?? '';
}

describe('an unlink by an administrator', () => {
  it('is shown to the owner as done by an administrator, and on the side of the administrator nowhere as done to them', async () => {
    const accountId = await secondAccount();
    const response = await desk.ada.post(`/admin/accounts/${accountId}/unlink`, {}, PAGE);
    expect(response.status).toBe(303);

    const owner = await section(grace, '/account', 'events');
    expect(owner).toMatch(/An account at Google was unlinked.*by an administrator/);
    expect(owner).not.toMatch(
      /Ada|127\.0\.0\.1<\/span><\/p>\s*<\/li>\s*<li class="event">\s*<time[^>]*>[^<]*<\/time>\s*<p>An account at Google was unlinked/,
    );
    expect(await section(desk.ada, '/account', 'events')).not.toContain('unlinked');

    expect(await section(desk.ada, `/admin/users/${graceId}`, 'about')).toMatch(
      /unlinked, by <a href="[^"]*"><bdi>Ada/,
    );
    expect(await section(desk.ada, `/admin/users/${graceId}`, 'by')).not.toContain('unlinked');
    expect(await section(desk.ada, `/admin/users/${desk.adaId}`, 'by')).toMatch(
      /unlinked, of <a href="[^"]*"><bdi>Grace/,
    );
    expect(await section(desk.ada, `/admin/users/${desk.adaId}`, 'about')).not.toContain('unlinked');

    const entry = { actorId: desk.adaId, userId: graceId, action: 'account.unlinked', target: `account:${accountId}` };
    expect((await list('audit', { userId: graceId, action: 'account.unlinked' })).items).toMatchObject([entry]);
    const log = await (await desk.ada.get('/admin/audit?action=account.unlinked', PAGE)).text();
    expect(log).toContain('<bdi>Google account of Grace Hopper</bdi>');
  });

  it('is part of what the owner downloads, and for the administrator something done to another user', async () => {
    const events = async (browser: Browser) =>
      ((await (await browser.get('/account/export', PAGE)).json()) as { events: { action: string; by: string; about: string | null }[] }).events; // prettier-ignore
    const unlinked = (all: { action: string; by: string; about: string | null }[]) =>
      all.filter(({ action }) => action === 'account.unlinked').map(({ by, about }) => ({ by, about }));
    expect(unlinked(await events(grace))).toEqual([{ by: 'other', about: 'self' }]);
    expect(unlinked(await events(desk.ada))).toEqual([{ by: 'self', about: 'other' }]);
  });
});

describe('the affected user of every act of these journeys', () => {
  it('is known, unless the act affects no user', async () => {
    await grace.post('/account/sessions/end-others', {}, PAGE);
    await desk.ada.post('/admin/invitations', { email: 'zoe@mail.example' }, PAGE);
    await desk.ada.get('/api/admin/users.csv');
    const without = await sql<{ action: string }>('SELECT DISTINCT action FROM audit_entries WHERE user_id IS NULL ORDER BY action'); // prettier-ignore
    expect(without.map(({ action }) => action)).toEqual(['invitation.created', 'users.exported']);
  });
});

describe('a failed sign-in', () => {
  const failures = () => sql('SELECT code, user_id FROM sign_in_attempts WHERE outcome = $1 ORDER BY started_at', ['failed']); // prettier-ignore

  it.each<[string, () => Promise<unknown>, string]>([
    [
      'of a blocked user',
      async () => {
        await sql('UPDATE users SET blocked_at = now() WHERE id = $1', [graceId]);
        await signIn(new Browser(desk.app.url), PEOPLE[1]!.claims.sub);
        await sql('UPDATE users SET blocked_at = NULL WHERE id = $1', [graceId]);
      },
      'user_blocked',
    ],
    [
      'with the email address of a user',
      async () => {
        await sql(`UPDATE oauth_accounts SET subject = 'elsewhere' WHERE user_id = $1`, [graceId]);
        await signIn(new Browser(desk.app.url), PEOPLE[1]!.claims.sub);
        await sql(`UPDATE oauth_accounts SET subject = $2 WHERE user_id = $1`, [graceId, PEOPLE[1]!.claims.sub]);
      },
      'email_in_use',
    ],
  ])('%s is theirs', async (_name, fail, code) => {
    await sql('DELETE FROM sign_in_attempts');
    await fail();
    expect(await failures()).toEqual([{ code, user_id: graceId }]);
    for (const user of [graceId, graceId.toUpperCase(), 'hopper grace', 'GRACE@NAVY.EXAMPLE', `user:${graceId}`]) {
      expect((await list('attempts', { user })).items).toMatchObject([{ code, userId: graceId }]);
    }
    expect((await list('attempts', { user: 'ada lovelace' })).items).toEqual([]);
    expect((await list('attempts', { user: randomUUID() })).items).toEqual([]);
  });

  it('is found by its reference in every form in which it is read out', async () => {
    const [{ reference } = { reference: '' }] = await sql<{ reference: string }>('SELECT reference FROM sign_in_attempts LIMIT 1'); // prettier-ignore
    const bare = reference.replaceAll('-', '');
    for (const form of [
      reference,
      bare,
      bare.toLowerCase(),
      ` ${reference.replaceAll('-', ' ')} `,
      bare.replaceAll(/(.)/g, '$1 '),
    ]) {
      expect((await list('attempts', { reference: form })).items).toMatchObject([{ reference }]);
    }
  });
});

describe('a search for users', () => {
  it.each<[name: string, queries: string[]]>([
    ['José Álvarez', ['josé', 'JOSE', 'jose\u0301', 'alvarez jose', 'Álvarez  José', 'lvar']],
    ['Jose\u0301 Combined', ['josé combined', 'combined jose']],
    ['Søren Kierkegård', ['soren', 'kierkegard', 'KIERKEGÅRD søren']],
    ['Łukasz Żółć', ['lukasz', 'zolc', 'ŻÓŁĆ ŁUKASZ']],
    ['Straße Æther Œuvre', ['strasse', 'STRASSE', 'aether', 'oeuvre straße']],
    ['Nguyễn Thị Ánh', ['nguyen', 'anh thi nguyen']],
    ['İpek Işık', ['ipek', 'isik', 'IŞIK']],
    ['Ａｄａ Ｗｉｄｅ', ['ada wide', 'ＷＩＤＥ']],
    ['100% _under\\score', ['100%', '_under', '\\score', '％ ＿under']],
    ['김하늘', ['김하늘', '김하늘'.normalize('NFD')]],
    ['Зоя Ёлкина', ['зоя', 'елкина', 'ЁЛКИНА ЗОЯ']],
  ])('finds %s by %j', async (name, queries) => {
    const id = randomUUID();
    await sql('INSERT INTO users (id, name) VALUES ($1, $2)', [id, name]);
    for (const q of [...queries, id, id.toUpperCase(), id.replaceAll('-', ''), `user:${id}`]) {
      const { items } = await list('users', { q });
      expect([q, items.map((item) => item.id)]).toEqual([q, [id]]);
    }
    expect((await list('users', { q: `${queries[0]} zzz` })).items).toEqual([]);
    await sql('DELETE FROM users WHERE id = $1', [id]);
  });
});

describe('a CSV file', () => {
  /** RFC 4180. */
  const fieldsOf = (file: string) => [...file.matchAll(/"((?:[^"]|"")*)"(,|\n)/g)];
  const DANGEROUS = /^[\s"']*[-=+@＝＋－＠]/;
  const PIECES = [
    '=1+1',
    '+1',
    '-1',
    '@SUM',
    '＝1',
    '＋1',
    '－1',
    '＠1',
    'a',
    ' ',
    '"',
    "'",
    ',',
    ';',
    '|',
    '\t',
    '\r',
    '\n',
    'é',
  ];

  it('quotes every field, and is whole', async () => {
    const file = await (await desk.ada.get('/api/admin/users.csv')).text();
    expect(fieldsOf(file).map(([all]) => all).join('')).toBe(file); // prettier-ignore
    expect(file).toMatch(/^"/);
  });

  it.each(['accounts', 'users', 'attempts', 'audit'])(
    'of %s begins with a byte order mark only with bom=1',
    async (name) => {
      const begin = async (query: string) =>
        Buffer.from(await (await desk.ada.get(`/api/admin/${name}.csv${query}`)).arrayBuffer()).subarray(0, 3);
      expect(await begin('?bom=1')).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
      for (const query of ['', '?bom=0']) expect((await begin(query))[0]).toBe(0x22);
      expect((await desk.ada.get(`/api/admin/${name}.csv?bom=2`)).status).toBe(400);
      const page = await (await desk.ada.get(`/admin/${name}`, PAGE)).text();
      expect(page.replaceAll('&#x3D;', '=')).toMatch(new RegExp(`href="/api/admin/${name}\\.csv\\?[^"]*bom=1"`));
    },
  );

  it('has no formula, wherever a program takes the end of a cell to be', async () => {
    // A fixed sequence: what fails once fails again.
    let seed = 20261130;
    const next = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
    const names = Array.from({ length: 400 }, () => Array.from({ length: 1 + next(7) }, () => PIECES[next(PIECES.length)]).join('')); // prettier-ignore
    const ids = names.map(() => randomUUID());
    await sql('INSERT INTO users (id, name) SELECT * FROM unnest($1::uuid[], $2::text[])', [ids, names]);
    const file = await (await desk.ada.get('/api/admin/users.csv')).text();
    await sql('DELETE FROM users WHERE id = ANY ($1::uuid[])', [ids]);
    const fields = fieldsOf(file).map(([, field = '']) => field.replaceAll('""', '"'));
    expect(fields.length).toBeGreaterThan(names.length);
    const cells = fields.flatMap((field) => [field, ...field.split(/[,;|\t\r\n]/)]);
    // An apostrophe that we put there comes before everything else; one of the text has a sign behind it no more.
    const wrong = cells.filter((cell) => DANGEROUS.test(cell) && !cell.startsWith("'"));
    expect(wrong).toEqual([]);
    for (const field of fields) expect(field).not.toMatch(/^[\t\r\n]/);
  });
});
