import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { v7 as uuidV7 } from 'uuid';
import { Sealer } from '../src/crypto/sealer.js';
import { placeOf, TokenVault } from '../src/oauth-accounts/token-vault.js';
import { startApp, type TestApp } from './support/app.js';
import { type Ended, runCommand } from './support/command-line.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { faultNamed, type ProviderFault, send } from './support/provider-faults.js';
import { startProvider, type TestProvider } from './support/provider-server.js';
import { signInSomebody } from './support/somebody.js';

const [OURS, GONE, OLD] = ['ours', 'gone', 'old'].map((id) => ({ id, bytes: randomBytes(32) }));
const setting = (...keys: { id: string; bytes: Buffer }[]) =>
  keys.map(({ id, bytes }) => `${id}:${bytes.toString('base64')}`).join(',');

let database: TestDatabase;
let provider: TestProvider;
const folder = mkdtempSync(join(tmpdir(), 'gatehouse-doctor-'));

beforeAll(async () => {
  database = await createDatabase();
  provider = await startProvider();
});

beforeEach(() => provider.reset());

afterEach(async () => {
  await database.query('TRUNCATE users, revocations CASCADE');
});

afterAll(async () => {
  await provider.close();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** The settings of an installation that is as it should be: acme describes itself, Google's addresses are named. */
function sound(): Record<string, string> {
  return {
    BASE_URL: 'https://gatehouse.example',
    DATABASE_URL: database.url,
    SECRET_KEYS: setting(OURS!),
    ...provider.environment('GOOGLE'),
    OIDC_PROVIDERS: 'acme',
    ACME_CLIENT_ID: provider.clientId,
    ACME_CLIENT_SECRET: provider.clientSecret,
    ACME_ISSUER: provider.issuer,
  };
}

/** The command as an operator runs it, with these settings and nothing else of our environment. */
async function doctor(environment: Record<string, string> = sound(), arguments_: string[] = []): Promise<Ended> {
  const { code, stdout, stderr } = await runCommand(['doctor', ...arguments_], environment, folder);
  const secrets = [
    ...provider.canaries,
    ...Object.values(environment).flatMap((value) => /:([\w+/]{43}=)/.exec(value)?.[1] ?? []),
  ];
  for (const secret of secrets) expect(stdout + stderr).not.toContain(secret);
  return { code, stdout, stderr };
}

/** The lines of a report as sentences again: `problem It is …`, each with its remedy behind an arrow. */
function findingsIn(stdout: string): string[] {
  const found: string[] = [];
  for (const line of stdout.split('\n')) {
    const [, status, rest] = /^ {2}(ok|warning|problem) +(.*)/.exec(line) ?? [];
    if (status !== undefined) found.push(`${status} ${rest}`);
    else if (/^ {6,}/.test(line)) found.push(`${found.pop() ?? ''} ${line.trim()}`);
  }
  return found;
}

async function found(environment?: Record<string, string>): Promise<{ code: number | null; findings: string[] }> {
  const { code, stdout, stderr } = await doctor(environment);
  expect(stderr).toBe('');
  return { code, findings: findingsIn(stdout) };
}

const matching = (text: RegExp) => expect.arrayContaining([expect.stringMatching(text)]);

function answering(status: number, body: Record<string, unknown>, headers: Record<string, string> = {}): ProviderFault {
  return {
    name: 'made up',
    expectedCode: '',
    expectedStatus: 0,
    apply: (_request, response) => send(response, { status, body, headers }),
  };
}

/** An honest answer from a provider whose clock is so far ahead. */
function ahead(seconds: number): ProviderFault {
  return {
    name: 'another time',
    expectedCode: '',
    expectedStatus: 0,
    apply: async (_request, response, { honest }) => {
      const answer = await honest();
      send(response, { ...answer, headers: { date: new Date(Date.now() + seconds * 1000).toUTCString() } });
    },
  };
}

/** Somebody whose tokens lie sealed in the database with this key. */
async function somebodySealedWith(key: { id: string; bytes: Buffer }): Promise<void> {
  const [id, userId] = [uuidV7(), uuidV7()];
  const sealed = new TokenVault(new Sealer([key])).seal(placeOf({ id, userId }), { accessToken: 'x', scopes: [] });
  await database.query(`INSERT INTO users (id) VALUES ($1)`, [userId]);
  await database.query(
    `INSERT INTO oauth_accounts (id, user_id, provider, subject, sealed_tokens) VALUES ($1, $2, 'google', $1::uuid::text, $3)`,
    [id, userId, sealed],
  );
}

/** The address of the database as somebody else. */
function databaseAs(user: string, password: string): string {
  const address = new URL(database.url);
  address.username = user;
  address.password = password;
  return address.href;
}

describe('npm run cli -- doctor', () => {
  it('finds nothing wrong where nothing is wrong', async () => {
    const { code, stdout, stderr } = await doctor();
    expect(stderr).toBe('');
    expect(stdout).not.toMatch(/^ {2}(warning|problem)/m);
    expect(stdout).toMatch(/\nNothing is wrong\.\n$/);
    expect(code).toBe(0);
    const findings = findingsIn(stdout);
    for (const sentence of [
      /^ok Cookies carry Secure, HttpOnly and the prefix __Host-/,
      /^ok The redirect URI of Google is https:\/\/gatehouse\.example\/google\/authorized → It must be registered/,
      /^ok The redirect URI of Acme is https:\/\/gatehouse\.example\/acme\/authorized/,
      /^ok It is PostgreSQL \d/,
      /^ok It keeps text as UTF8/,
      /^ok Its schema is up to date/,
      /^ok The role may read and write every table/,
      /^ok Every stored token opens/,
      /^ok Acme describes itself at http/,
      /^ok Google publishes 1 key/,
      /^ok Google knows the client id and its secret/,
      /^ok Acme knows the client id and its secret/,
      /^ok The clock of Google and that of this machine agree/,
      /^ok No grant waits/,
    ]) {
      expect(findings).toEqual(matching(sentence));
    }
    expect(provider.violations).toEqual([]);
  });

  it('prints without colours where no terminal is', async () => {
    // eslint-disable-next-line no-control-regex -- that is what it looks for
    expect((await doctor()).stdout).not.toMatch(/\u001b/);
  });

  it('answers wrong usage with 2', async () => {
    const { code, stdout, stderr } = await doctor(sound(), ['google']);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain('too many arguments');
  });

  it('tells every wrong setting, and examines the rest all the same', async () => {
    const { code, findings } = await found({ ...sound(), PORT: 'many', GOOGLE_CLIENT_SECRET: '' });
    expect(code).toBe(1);
    expect(findings).toEqual(matching(/^problem PORT must be a whole number from 0 to 65535\. → Mend PORT/));
    expect(findings).toEqual(matching(/^problem GOOGLE_CLIENT_SECRET is missing although GOOGLE_CLIENT_ID is set/));
    expect(findings).toEqual(matching(/^ok Acme knows the client id/));
    expect(findings).toEqual(matching(/^ok Its schema is up to date/));
    expect(findings).toEqual(matching(/^ok Every stored token opens/));
    expect(findings.join('\n')).not.toMatch(/Every setting can be read|Google (publishes|knows)/);
  });

  it('tells what production lacks', async () => {
    const { code, findings } = await found({ NODE_ENV: 'production', ...provider.environment('GOOGLE') });
    expect(code).toBe(1);
    for (const name of ['BASE_URL', 'DATABASE_URL', 'SECRET_KEYS']) {
      expect(findings).toEqual(matching(new RegExp(`^problem ${name} is required in production`)));
    }
    expect(findings.join('\n')).not.toMatch(/redirect URI|^ok .*database/m);
  });

  it('warns of the development key and the stand-in before they are in the way', async () => {
    const { code, findings } = await found({ DATABASE_URL: database.url });
    expect(code).toBe(0);
    expect(findings).toEqual(matching(/^warning The development key seals tokens/));
    expect(findings).toEqual(matching(/^warning Google is played by the built-in stand-in/));
  });

  it('warns of plain http, of what sslmode means here, and of names that are no settings', async () => {
    const { findings } = await found({
      ...sound(),
      BASE_URL: 'http://inside.example',
      OAUTH_INSECURE_TRANSPORT: '1',
      DATABASE_URL: 'postgres://me:pw@127.0.0.1:1/x?sslmode=require',
      SIGN_UP_MODE: 'closed',
      SIGNUP: 'closed',
    });
    expect(findings).toEqual(matching(/^warning BASE_URL is http:\/\/inside\.example: .* neither Secure/));
    expect(findings).toEqual(matching(/^warning DATABASE_URL has sslmode=require: .*libpq/));
    expect(findings).toEqual(matching(/^warning SIGNUP is not a setting\. → Rename it to SIGN_UP/));
    expect(findings).toEqual(matching(/^warning These names .* are not settings: SIGN_UP_MODE\./));
  });

  it('names the setting where the stand-in could be reached from elsewhere', async () => {
    const { code, findings } = await found({ DATABASE_URL: database.url, BASE_URL: 'https://inside.example' });
    expect(code).toBe(1);
    expect(findings).toEqual(matching(/^problem BASE_URL must be a loopback address/));
    expect(findings).toEqual(matching(/^ok Its schema is up to date/));
  });

  it('makes no database and no key on a machine where Gatehouse has never run', async () => {
    const { code, findings } = await found({ DATA_DIR: join(folder, 'nothing') });
    expect(code).toBe(0);
    expect(findings).toEqual(matching(/^ok There is no database in .*nothing yet: the first start makes it/));
    expect(existsSync(join(folder, 'nothing'))).toBe(false);
  });

  it('repeats what the start warns of', async () => {
    const { findings } = await found({
      ...sound(),
      NODE_ENV: 'production',
      BASE_URL: 'http://localhost:3000',
      OAUTH_INSECURE_TRANSPORT: '1',
    });
    expect(findings).toEqual(matching(/^warning HOST=0\.0\.0\.0 listens beyond this machine .* → Set HOST/));
  });

  describe('asks the database', () => {
    it('and says so when nothing listens there, while providers are examined', async () => {
      const { code, findings } = await found({ ...sound(), DATABASE_URL: 'postgres://a:pass@127.0.0.1:9/gatehouse' });
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem The database at 127\.0\.0\.1:9\/gatehouse cannot be reached: nothing listens there/)); // prettier-ignore
      expect(findings).toEqual(matching(/^ok Google knows the client id/));
    });

    it('and says so when the password is wrong, without the password', async () => {
      const { code, stdout } = await doctor({ ...sound(), DATABASE_URL: databaseAs('gatehouse', 'not-this-one') });
      expect(code).toBe(1);
      expect(findingsIn(stdout)).toEqual(matching(/^problem .* user or password is wrong/));
      expect(stdout).not.toContain('not-this-one');
    });

    it('and says which migrations are not applied, and that is no failure while they can be', async () => {
      const [row] = await database.query(
        `DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations) RETURNING *`,
      );
      try {
        const { code, findings } = await found();
        expect(findings).toEqual(matching(new RegExp(`^warning 1 migration .* not applied yet: ${row!.name}`)));
        expect(code).toBe(0);
      } finally {
        await database.query('INSERT INTO migrations VALUES ($1, $2, $3)', [row!.id, row!.timestamp, row!.name]);
      }
    });

    it('and says that a newer version was there', async () => {
      await database.query(`INSERT INTO migrations ("timestamp", name) VALUES (9, 'FromTomorrow9')`);
      try {
        expect((await found()).findings).toEqual(matching(/^warning A newer version .*FromTomorrow9/));
      } finally {
        await database.query(`DELETE FROM migrations WHERE name = 'FromTomorrow9'`);
      }
    });

    it('and says when it keeps text in another encoding', async () => {
      const name = `latin_${randomBytes(4).toString('hex')}`;
      await database.query(`CREATE DATABASE ${name} ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0`);
      const address = new URL(database.url);
      address.pathname = `/${name}`;
      try {
        const { code, findings } = await found({ ...sound(), DATABASE_URL: address.href });
        expect(code).toBe(1);
        expect(findings).toEqual(matching(/^problem It keeps text as SQL_ASCII/));
        expect(findings).toEqual(matching(/^warning \d+ migrations of this version are not applied yet/));
        expect(findings.join('\n')).not.toMatch(/could not be examined/);
      } finally {
        await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
      }
    });

    it('and says which extensions the first start would fail at', async () => {
      const name = `bare_${randomBytes(4).toString('hex')}`;
      await database.query(`CREATE ROLE ${name} LOGIN PASSWORD 'weak'`);
      await database.query(`CREATE DATABASE ${name} TEMPLATE template0`);
      const address = new URL(databaseAs(name, 'weak'));
      address.pathname = `/${name}`;
      try {
        const { code, findings } = await found({ ...sound(), DATABASE_URL: address.href });
        expect(code).toBe(1);
        expect(findings).toEqual(
          matching(
            /^problem The role may not install btree_gin and pg_trgm, .* → .*: CREATE EXTENSION btree_gin; CREATE EXTENSION pg_trgm$/,
          ),
        );
      } finally {
        await database.query(`DROP DATABASE ${name} WITH (FORCE)`);
        await database.query(`DROP ROLE ${name}`);
      }
    });

    it('and says what the role may not do', async () => {
      const role = `weak_${randomBytes(4).toString('hex')}`;
      await database.query(`CREATE ROLE ${role} LOGIN PASSWORD 'weak'`);
      await database.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
      const [row] = await database.query(
        `DELETE FROM migrations WHERE id = (SELECT max(id) FROM migrations) RETURNING *`,
      );
      try {
        const { code, findings } = await found({ ...sound(), DATABASE_URL: databaseAs(role, 'weak') });
        expect(code).toBe(1);
        expect(findings).toEqual(
          matching(/^problem The role lacks rights: .*INSERT, UPDATE on audit_entries; .*DELETE on users/),
        );
        expect(findings).toEqual(matching(/^problem The role may not create tables\. → .*GRANT CREATE/));
      } finally {
        await database.query('INSERT INTO migrations VALUES ($1, $2, $3)', [row!.id, row!.timestamp, row!.name]);
        await database.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      }
    });

    it('and says that it is read-only', async () => {
      const address = new URL(database.url);
      address.searchParams.set('options', '-c default_transaction_read_only=on');
      const { code, findings } = await found({ ...sound(), DATABASE_URL: address.href });
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem It is read-only/));
    });
  });

  describe('asks which keys are needed', () => {
    it('and misses one that rows are sealed with', async () => {
      await somebodySealedWith(GONE!);
      const { code, findings } = await found();
      expect(code).toBe(1);
      expect(findings).toEqual(
        matching(/^problem 1 row is sealed with gone, which is not in SECRET_KEYS\. → Put the key back/),
      );
    });

    it('and finds damaged rows', async () => {
      await somebodySealedWith(OURS!);
      await database.query(`UPDATE oauth_accounts SET sealed_tokens = 'nonsense'`);
      const { code, findings } = await found();
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem 1 row is damaged and name no key/));
    });

    it('and tells an old key that is used from one that is not', async () => {
      await somebodySealedWith(OLD!);
      const { code, findings } = await found({ ...sound(), SECRET_KEYS: setting(OURS!, OLD!, GONE!) });
      expect(code).toBe(0);
      expect(findings).toEqual(matching(/^ok Key old still opens 1 row\. → npm run cli -- keys:rotate/));
      expect(findings).toEqual(matching(/^ok Key gone opens nothing any more\. → Take it out of SECRET_KEYS/));
    });
  });

  describe('asks for grants to be taken back', () => {
    const waiting = (more: string) =>
      database.query(
        `INSERT INTO revocations (id, provider, account_id, user_id, cause, sealed_tokens, requested_at, failed_at)
         VALUES (gen_random_uuid(), 'google', gen_random_uuid(), gen_random_uuid(), 'user_deleted', ${more})`,
      );

    it('and lets one be that was asked for just now', async () => {
      await waiting(`'ours.AAAA', now(), NULL`);
      expect((await found()).findings).toEqual(matching(/^ok 1 grant will be taken back shortly/));
    });

    it('and warns of one that waits for long, and of one that was given up', async () => {
      await waiting(`'ours.AAAA', now() - interval '3 days', NULL`);
      await waiting(`NULL, now(), now()`);
      const { code, findings } = await found();
      expect(code).toBe(0);
      expect(findings).toEqual(
        matching(/^warning 1 grant waits to be taken back, the oldest for 3 days\. → .*revocations:list/),
      );
      expect(findings).toEqual(matching(/^warning 1 grant could not be taken back and was given up, at google\./));
    });
  });

  describe('asks a provider', () => {
    it.each([
      ['secret', { GOOGLE_CLIENT_SECRET: 'not-the-one' }],
      ['id', { GOOGLE_CLIENT_ID: 'not-the-one' }],
    ])('and finds a wrong client %s', async (_, wrong) => {
      const { code, findings } = await found({ ...sound(), ...wrong });
      expect(code).toBe(1);
      expect(findings).toEqual(
        matching(
          /^problem Google refuses the client: .* → Copy both anew from Google .*GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET/,
        ),
      );
      expect(findings).toEqual(matching(/^ok Acme knows the client id/));
    });

    it('that calls a wrong secret something else, and knows its word', async () => {
      const github = Object.fromEntries(
        Object.entries(provider.environment('GITHUB')).filter(([name]) => name !== 'GITHUB_ISSUER'),
      );
      provider.faults.set('token', answering(200, { error: 'incorrect_client_credentials' }), { times: 1 });
      const environment = { BASE_URL: 'https://gatehouse.example', DATABASE_URL: database.url, ...github };
      const { code, findings } = await found(environment);
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem GitHub refuses the client/));
    });

    it('and finds a redirect URI that is not registered', async () => {
      provider.faults.set('token', answering(400, { error: 'redirect_uri_mismatch' }));
      const { code, findings } = await found();
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem Acme does not know the redirect URI\. → Register https:\/\/gatehouse\.example\/acme\/authorized/)); // prettier-ignore
    });

    it.each([
      ['an error of its own', answering(400, { error: 'a:b+c%/é' })],
      ['tokens', answering(200, { access_token: 'x', token_type: 'Bearer' })],
      ['another refusal', answering(400, { error: 'invalid_scope' })],
    ])('and does not guess from %s', async (_, fault) => {
      provider.faults.set('token', fault);
      const { code, findings } = await found();
      expect(code).toBe(0);
      expect(findings).toEqual(
        matching(/^warning Whether Google knows the client cannot be told: it .* → Sign in once/),
      );
      expect(findings.join('\n')).not.toContain('a:b+c');
    });

    it.each(['refused', '503 with an HTML page', 'a body of 100 MB'])('and tells what fails: %s', async (name) => {
      provider.faults.set('token', faultNamed(name));
      const { findings } = await found();
      expect(findings).toEqual(matching(/^(problem Google cannot be asked for tokens|warning Whether Google knows)/));
      expect(findings).toEqual(matching(/^ok Google publishes 1 key/));
    });

    it('and finds that discovery is dead', async () => {
      provider.faults.set('discovery', faultNamed('refused'));
      const { code, findings } = await found();
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem Acme cannot be discovered: the connection failed: \S+ → See that ACME_ISSUER is right/)); // prettier-ignore
      expect(findings).toEqual(matching(/^ok Google knows the client id/));
    });

    it('and finds that it calls itself something else', async () => {
      const { code, findings } = await found({ ...sound(), ACME_ISSUER: `${provider.issuer}/` });
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem Acme cannot be discovered: discovery names another issuer\. → Set ACME_ISSUER exactly/)); // prettier-ignore
    });

    it.each(['no keys', 'keys that are no keys', 'keys in an object'])('and finds broken keys: %s', async (name) => {
      provider.faults.set('jwks', faultNamed(name));
      const { code, findings } = await found();
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^problem (Google publishes no key that could verify|The keys of Google cannot be read)/)); // prettier-ignore
      expect(findings).toEqual(matching(/^ok Google knows the client id/));
    });

    it.each([
      [25, 0, /^ok The clock of Google and that of this machine agree/],
      [60, 0, /^warning The clock of this machine is \d\d seconds behind that of Google\. → Keep the time/],
      [-60, 0, /^warning The clock of this machine is \d\d seconds ahead of that of Google/],
      [300, 1, /^problem The clock of this machine is \d{3} seconds behind that of Google/],
      [-300, 1, /^problem The clock of this machine is \d{3} seconds ahead of that of Google/],
    ])('and compares clocks: %s seconds', async (seconds, code, sentence) => {
      provider.faults.set('token', ahead(seconds));
      const result = await found();
      expect(result.findings).toEqual(matching(sentence));
      expect(result.code).toBe(code);
    });

    it('and is not misled by the date of an answer that was kept somewhere', async () => {
      const kept = ahead(-500);
      provider.faults.set('jwks', {
        ...kept,
        apply: async (_request, response, { honest }) => {
          const date = new Date(Date.now() - 500_000).toUTCString();
          send(response, { ...(await honest()), headers: { date, age: '500' } });
        },
      });
      provider.faults.set('token', faultNamed('refused'));
      expect((await found()).findings).toEqual(matching(/^ok The clock of Google and that of this machine agree/));
    });
  });

  describe('looks at extensions', () => {
    it('and says which one cannot be loaded', async () => {
      writeFileSync(join(folder, 'good.mjs'), 'export default class GoodModule {}\n');
      const { code, findings } = await found({ ...sound(), EXTENSIONS: './good.mjs,./missing.mjs' });
      expect(code).toBe(1);
      expect(findings).toEqual(matching(/^ok \.\/good\.mjs can be loaded/));
      expect(findings).toEqual(matching(/^problem .*missing\.mjs.* → .*take it out of EXTENSIONS/));
      expect(findings).toEqual(matching(/^ok Google knows the client id/));
    });
  });

  it('leaves no connection behind', async () => {
    await doctor();
    expect(await database.query(`SELECT FROM pg_stat_activity WHERE application_name = 'gatehouse doctor'`)).toEqual(
      [],
    );
  });
});

describe('GET /admin/doctor', () => {
  let app: TestApp;
  let browser: Awaited<ReturnType<typeof signInSomebody>>['browser'];
  let userId: string;

  beforeEach(async () => {
    app = await startApp(database.url, { SECRET_KEYS: setting(OURS!), ...provider.environment('GOOGLE') });
    const somebody = await signInSomebody(app, provider);
    browser = somebody.browser;
    userId = somebody.user.id;
  });

  afterEach(() => app.close());

  const become = (role: string) => database.query('UPDATE users SET role = $1 WHERE id = $2', [role, userId]);

  /** The findings of the page, each as `status what remedy`. */
  async function page(headers: Record<string, string> = {}): Promise<string[]> {
    const response = await browser.get('/admin/doctor', { accept: 'text/html', ...headers });
    expect(response.status).toBe(200);
    const html = await response.text();
    for (const secret of provider.canaries) expect(html).not.toContain(secret);
    const items = html.split('<li class="finding').slice(1);
    return items.map((item) =>
      item
        .replace(/^[^>]*>/, '')
        .split('</li>')[0]!
        .replace(/<[^>]*>/g, ' ')
        .replaceAll('&#x27;', "'")
        .replace(/\s+/g, ' ')
        .trim(),
    );
  }

  it.each(['admin', 'viewer'])('shows what was found to the role %s', async (role) => {
    await become(role);
    const findings = await page();
    expect(findings).toEqual(matching(/^ok Google knows the client id and its secret/));
    expect(findings).toEqual(matching(/^ok Its schema is up to date/));
    expect(findings).toEqual(
      matching(/^ok Your browser is at http:\/\/localhost:\d+, where providers send people back/),
    );
    expect(findings).toEqual(matching(/^ok No proxy is seen, and none is expected\. You come from 127\.0\.0\.1/));
    expect(findings).toEqual(matching(/^ok Every stored token opens with SECRET_KEYS; ours seals new ones/));
  });

  it('says the same to programs', async () => {
    await become('viewer');
    const shown = await page();
    const response = await browser.get('/api/admin/doctor');
    const { findings } = (await response.json()) as { findings: { status: string; what: string; remedy?: string }[] };
    expect(findings.map(({ status, what, remedy = '' }) => `${status} ${what} ${remedy}`.trim())).toEqual(
      // One thing is measured anew each time.
      shown.map((finding) => (finding.includes('clock') ? expect.stringContaining('clock') : finding)),
    );
  });

  it('is nobody else’s', async () => {
    expect((await browser.get('/admin/doctor', { accept: 'text/html' })).status).toBe(403);
    const strange = await fetch(`${app.url}/admin/doctor`, { redirect: 'manual', headers: { accept: 'text/html' } });
    expect(strange.status).toBe(303);
    expect(provider.requests.filter(({ endpoint }) => endpoint === 'token')).toHaveLength(1);
  });

  it('asks the provider anew, whatever the application remembers of it', async () => {
    await become('admin');
    provider.faults.set('jwks', faultNamed('no keys'));
    expect(await page()).toEqual(matching(/^problem Google publishes no key/));
    provider.faults.clear();
    expect(await page()).toEqual(matching(/^ok Google publishes 1 key/));
  });

  it('asks once for all who look at the same time', async () => {
    await become('admin');
    provider.reset();
    const open = provider.hold('token');
    const pages = [page(), page(), page()];
    await provider.arrived('token', 1);
    // The others have come as far as their session by the time that this one is read again.
    await browser.get('/api/me');
    open();
    const [one, ...others] = await Promise.all(pages);
    for (const other of others) expect(other).toEqual(one);
    expect(provider.count('token')).toBe(1);
  });

  it.each<[string, Record<string, string>, RegExp]>([
    [
      'another name',
      { 'x-forwarded-host': 'other.example', 'x-forwarded-proto': 'http' },
      /^problem You came to other\.example, but BASE_URL is/,
    ],
    ['https, and BASE_URL is not', { 'x-forwarded-proto': 'https' }, /^problem You came over https, but BASE_URL is/],
    [
      'a proxy that nobody has told of',
      { 'x-forwarded-for': '203.0.113.9' },
      /^problem A proxy at 127\.0\.0\.1 sends X-Forwarded-For, but TRUST_PROXY is not set/,
    ],
    [
      'a proxy that speaks the standard alone',
      { forwarded: 'for=198.51.100.7' },
      /^warning A proxy sends Forwarded, which is not read/,
    ],
    ['something that is no host', { 'x-forwarded-host': '<script>' }, /^problem You came to another host, but/],
  ])('sees that a browser comes by %s', async (_, headers, sentence) => {
    await become('admin');
    expect(await page(headers)).toEqual(matching(sentence));
  });

  it('holds no connection when it has answered', async () => {
    await become('admin');
    await page();
    expect(await database.query(`SELECT FROM pg_stat_activity WHERE application_name = 'gatehouse doctor'`)).toEqual(
      [],
    );
  });
});

describe('the role that the application uses', () => {
  const audit = (statement: string) => database.query(statement);
  const warned = async () => (await found({ ...sound(), NODE_ENV: 'production' })).findings.join('\n');

  it('is told of when it could switch off what guards the audit trail', async () => {
    await audit(`CREATE FUNCTION guard() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''no''; END'`);
    await audit(`CREATE TRIGGER guard BEFORE UPDATE ON audit_entries EXECUTE FUNCTION guard()`);
    try {
      expect(await warned()).toMatch(/warning The role owns the audit trail, so it could switch off/);
      await audit(`ALTER TABLE audit_entries DISABLE TRIGGER guard`);
      expect(await warned()).toMatch(/problem The trigger that keeps the audit trail .* is switched off/);
      await audit(`ALTER TABLE audit_entries ENABLE TRIGGER guard`);

      const role = `server_${randomBytes(4).toString('hex')}`;
      const client = new pg.Client(database.url);
      await client.connect();
      await client.query(`CREATE ROLE ${role} LOGIN PASSWORD 'server'`);
      await client.query(`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO ${role}`);
      const { code, findings } = await found({ ...sound(), DATABASE_URL: databaseAs(role, 'server') });
      expect({ code, findings }).toEqual({
        code: 0,
        findings: matching(/^ok The audit trail can be added to and not changed/),
      });
      await client.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
      await client.end();
    } finally {
      await audit(`DROP FUNCTION guard CASCADE`);
    }
  });
});
