import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Validator } from '@seriousme/openapi-schema-validator';
import { randomUUID } from 'node:crypto';
import { ADA, PEOPLE } from '../src/stand-in/people.js';
import { startApp, type TestApp } from './support/app.js';
import { type ApiAnswer, type ApiJudge, apiJudge } from './support/api-document.js';
import { Browser } from './support/browser.js';
import { createDatabase, type TestDatabase } from './support/database.js';
import { routesOf } from './support/routes.js';

const GRACE = PEOPLE[1]!;
const NO_ID = '0190a0b0-0000-7000-8000-000000000000';
/** What a browser says of a request that another site caused. */
const FOREIGN: Record<string, string>[] = [
  { 'sec-fetch-site': 'cross-site', origin: 'https://other.example' },
  { 'sec-fetch-site': 'same-site' },
  { origin: 'https://other.example' },
  { origin: 'null' },
];
const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/) as unknown as string;
const UUID = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as unknown as string;

/** Every route, with a way to ask it that is allowed. */
const ROUTES: { method: string; address: string; body?: object }[] = [
  { method: 'GET', address: '/api/me' },
  { method: 'PATCH', address: '/api/me', body: { name: 'Ada' } },
  { method: 'GET', address: '/api/me/accounts' },
  { method: 'DELETE', address: `/api/me/accounts/${NO_ID}` },
  { method: 'GET', address: '/api/me/sessions' },
  { method: 'DELETE', address: `/api/me/sessions/${NO_ID}` },
  { method: 'DELETE', address: '/api/me/sessions' },
];
const PUBLIC_ROUTES = ['/api/providers', '/api/openapi.json', '/api/docs'];

let database: TestDatabase;
let app: TestApp;
let judge: ApiJudge;
/** Session tokens of every browser that signed in. */
const tokens: string[] = [];

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url);
  judge = await apiJudge(app);
});

afterAll(async () => {
  await app.close();
  const sealed = await database.query<{ sealed: string }>('SELECT sealed_tokens AS sealed FROM oauth_accounts WHERE sealed_tokens IS NOT NULL'); // prettier-ignore
  const hashes = await database.query<{ hash: string }>(`SELECT encode(token_hash, 'hex') AS hash FROM sessions`);
  await database.drop();
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);

  // Whatever was answered in this file.
  const secrets = [...tokens, ...sealed.map((row) => row.sealed), ...hashes.map((row) => row.hash)];
  expect(secrets.length).toBeGreaterThan(10);
  expect(judge.texts.filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
  const names = /"(\w*(sealed|token|secret|hash|verifier|password)\w*)":/i;
  expect(judge.texts.map((text) => names.exec(text)?.[1]).filter((name) => name !== undefined)).toEqual([]);

  // And every route was asked, with the answer it is there for and with each refusal that the document tells of. Those of
  // the admin's desk are asked in test/admin-*.
  expect(judge.untried(/^\/api\/(?!admin\/)/)).toEqual([]);
});

async function signIn(person = ADA): Promise<Browser> {
  const browser = new Browser(app.url);
  const callback = await browser.consent(await browser.begin(), { subject: person.claims.sub });
  expect((await browser.get(callback)).status).toBe(303);
  tokens.push(...browser.cookies.values());
  return browser;
}

/** A second way in, as a link would have made it. */
async function addAccount(browser: Browser): Promise<string> {
  const { id } = await browser.me();
  const accountId = randomUUID();
  await database.query(
    `INSERT INTO oauth_accounts (id, user_id, provider, subject, sealed_tokens) VALUES ($1, $2, 'google', $3, 'a sealed value of a test')`, // prettier-ignore
    [accountId, id, `subject of ${accountId}`],
  );
  return accountId;
}

async function ageSignIn(browser: Browser, minutes: number): Promise<void> {
  const { session } = await browser.me();
  await database.query(`UPDATE sessions SET signed_in_at = now() - make_interval(mins => $2) WHERE id = $1`, [session.id, minutes]); // prettier-ignore
}

function expectProblem(answer: ApiAnswer, status: number, code: string): void {
  expect([answer.status, answer.body?.code]).toEqual([status, code]);
  expect(answer.headers.get('content-type')).toMatch(/^application\/problem\+json/);
  expect(answer.body).toMatchObject({
    type: `${app.url}/api/docs#${code}`,
    title: expect.any(String),
    status,
    reference: answer.headers.get('x-request-id'),
    detail: expect.any(String),
  });
}

function expectInvalid(answer: ApiAnswer, paths: string[]): void {
  expectProblem(answer, 400, 'validation_failed');
  expect(answer.body.errors.map(({ path }: { path: string }) => path).sort()).toEqual(paths.sort());
  expect(answer.body.errors.every(({ message }: { message: string }) => message.length > 0)).toBe(true);
}

describe('GET /api/me', () => {
  it('tells who is signed in, and in which session', async () => {
    const answer = await judge.ask(await signIn(), 'GET', '/api/me');
    expect(answer.status).toBe(200);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.body).toEqual({
      id: UUID,
      name: expect.any(String),
      email: 'ada@example.com',
      emailVerified: true,
      pictureUrl: null,
      role: 'admin',
      createdAt: TIME,
      session: { id: UUID, provider: 'google', signedInAt: TIME, expiresAt: TIME },
    });
  });
});

describe('PATCH /api/me', () => {
  it('changes the name, and answers as GET does', async () => {
    const browser = await signIn(GRACE);
    const answer = await judge.ask(browser, 'PATCH', '/api/me', { body: { name: '  Amazing Grace 🌊 ' } });
    expect([answer.status, answer.body.name]).toEqual([200, 'Amazing Grace 🌊']);
    expect(answer.body).toEqual(await browser.me());
  });

  it.each([
    ['of 255 characters beyond the basic plane', '🌊'.repeat(255)],
    ['of one character', 'X'],
    ['in any script', 'نادية · ქეთი · 雪'],
  ])('takes a name %s', async (_, name) => {
    const answer = await judge.ask(await signIn(GRACE), 'PATCH', '/api/me', { body: { name } });
    expect([answer.status, answer.body.name]).toEqual([200, name]);
  });

  it.each<[string, unknown]>([
    ['empty', ''],
    ['of spaces', '   '],
    ['that nobody can see', '\u200b\u200b'],
    ['of 256 characters', 'x'.repeat(256)],
    ['with NUL', 'a\u0000b'],
    ['with a line break', 'a\nb'],
    ['with half a surrogate pair', 'a\ud800b'],
    ['that is a number', 7],
    ['that is null', null],
    ['that is a list', ['Ada']],
    ['that is an object', { first: 'Ada' }],
    ['that is missing', undefined],
  ])('refuses a name %s, and changes nothing', async (_, name) => {
    const browser = await signIn(GRACE);
    const before = await browser.me();
    expectInvalid(await judge.ask(browser, 'PATCH', '/api/me', { body: { name } }), ['name']);
    expect(await browser.me()).toEqual(before);
  });

  it('names every field that is wrong once, known or not', async () => {
    const body = '{"name": 5, "role": "admin", "id": 1, "__proto__": {"role": "admin"}, "constructor": 1}';
    const answer = await judge.ask(await signIn(GRACE), 'PATCH', '/api/me', { body });
    expectInvalid(answer, ['name', 'role', 'id', '__proto__', 'constructor']);
    expect(({} as { role?: string }).role).toBeUndefined();
  });

  it.each(['[]', '[{"name": "Ada"}]'])('refuses %s instead of an object', async (body) => {
    expectInvalid(await judge.ask(await signIn(GRACE), 'PATCH', '/api/me', { body }), ['']);
  });

  it.each(['{bad', '"Ada"', '{"name": "Ada"', '\ufeff\ufeff{}'])(
    'refuses %j, which is no JSON object',
    async (body) => {
      expectInvalid(await judge.ask(await signIn(GRACE), 'PATCH', '/api/me', { body }), ['']);
    },
  );

  it('names the missing field when there is no body', async () => {
    expectInvalid(await judge.ask(await signIn(GRACE), 'PATCH', '/api/me'), ['name']);
  });

  it('takes 64 kB, and not a byte more', async () => {
    const browser = await signIn(GRACE);
    const body = (bytes: number) => `{"name":"${'x'.repeat(bytes - 11)}"}`;
    expectInvalid(await judge.ask(browser, 'PATCH', '/api/me', { body: body(65_536) }), ['name']);
    expectProblem(await judge.ask(browser, 'PATCH', '/api/me', { body: body(65_537) }), 413, 'payload_too_large');
  });

  it('answers thousands of unknown fields briefly', async () => {
    const body = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`k${index}`, 1]));
    const answer = await judge.ask(await signIn(GRACE), 'PATCH', '/api/me', { body });
    expectProblem(answer, 400, 'validation_failed');
    expect(answer.body.errors).toHaveLength(50);
  });

  it.each(['application/x-www-form-urlencoded', 'text/plain', 'application/merge-patch+json', 'multipart/form-data'])(
    'refuses a body of the type %s',
    async (type) => {
      const headers = { 'content-type': type };
      const answer = await judge.ask(await signIn(GRACE), 'PATCH', '/api/me', { body: { name: 'X' }, headers });
      expectProblem(answer, 415, 'unsupported_media_type');
    },
  );
});

describe('GET /api/me/accounts', () => {
  it('tells every account with its health, and nothing that is sealed', async () => {
    const browser = await signIn(GRACE);
    const id = await addAccount(browser);
    const answer = await judge.ask(browser, 'GET', '/api/me/accounts');
    expect(answer.status).toBe(200);
    expect(answer.body).toHaveLength(2);
    expect(answer.body[1]).toEqual({
      id,
      provider: 'google',
      subject: `subject of ${id}`,
      email: null,
      emailVerified: false,
      name: null,
      pictureUrl: null,
      scopes: [],
      health: 'connected',
      linkedAt: TIME,
      lastUsedAt: TIME,
    });
  });

  // Express finds a route whatever the case of the address: what leaves does not depend on it.
  it('tells no more at /API/ME/ACCOUNTS', async () => {
    const browser = await signIn(GRACE);
    const [usual, loud] = await Promise.all(
      ['/api/me/accounts', '/API/ME/ACCOUNTS/'].map(async (address) => (await browser.get(address)).json()),
    );
    expect(loud).toEqual(usual);
    expect((await browser.get('/API/me?x=1')).status).toBe(400);
  });
});

describe('DELETE /api/me/accounts/:id', () => {
  it('ends a link', async () => {
    const browser = await signIn(PEOPLE[2]);
    const id = await addAccount(browser);
    const answer = await judge.ask(browser, 'DELETE', `/api/me/accounts/${id}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect((await judge.ask(browser, 'GET', '/api/me/accounts')).body).toHaveLength(1);
  });

  it('leaves the only one with last_account', async () => {
    const browser = await signIn(PEOPLE[2]);
    const [{ id }] = (await judge.ask(browser, 'GET', '/api/me/accounts')).body;
    expectProblem(await judge.ask(browser, 'DELETE', `/api/me/accounts/${id}`), 409, 'last_account');
    expect((await judge.ask(browser, 'GET', '/api/me/accounts')).body).toHaveLength(1);
  });

  it('needs a sign-in of the last ten minutes', async () => {
    const browser = await signIn(PEOPLE[2]);
    const id = await addAccount(browser);
    await ageSignIn(browser, 11);
    const answer = await judge.ask(browser, 'DELETE', `/api/me/accounts/${id}`);
    expectProblem(answer, 401, 'recent_sign_in_required');
    await ageSignIn(browser, 9);
    expect((await judge.ask(browser, 'DELETE', `/api/me/accounts/${id}`)).status).toBe(204);
  });
});

describe('GET /api/me/sessions', () => {
  it('tells every living session and which one asks', async () => {
    const [here, there] = [await signIn(PEOPLE[4]), await signIn(PEOPLE[4])];
    const [{ session }, { session: other }] = [await here.me(), await there.me()];
    const answer = await judge.ask(here, 'GET', '/api/me/sessions', { headers: { 'user-agent': 'A browser' } });
    expect(answer.status).toBe(200);
    const facts = { provider: 'google', ip: '127.0.0.1', userAgent: expect.any(String), signedInAt: TIME, lastSeenAt: TIME, expiresAt: TIME }; // prettier-ignore
    expect(answer.body).toHaveLength(2);
    expect(answer.body).toEqual(
      expect.arrayContaining([
        { id: session.id, ...facts, current: true },
        { id: other.id, ...facts, current: false },
      ]),
    );
  });

  it('leaves out those that have run out', async () => {
    const [here, there] = [await signIn(PEOPLE[4]), await signIn(PEOPLE[4])];
    const { session } = await there.me();
    await database.query(`UPDATE sessions SET last_seen_at = now() - interval '15 days' WHERE id = $1`, [session.id]);
    const { body } = await judge.ask(here, 'GET', '/api/me/sessions');
    expect(body.map(({ id }: { id: string }) => id)).not.toContain(session.id);
  });
});

describe('DELETE /api/me/sessions/:id', () => {
  it('signs out there, and not here', async () => {
    const [here, there] = [await signIn(GRACE), await signIn(GRACE)];
    const { session } = await there.me();
    const answer = await judge.ask(here, 'DELETE', `/api/me/sessions/${session.id}`);
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect([await there.me(), (await here.me()) !== undefined]).toEqual([undefined, true]);
    expectProblem(await judge.ask(here, 'DELETE', `/api/me/sessions/${session.id}`), 404, 'not_found');
  });

  it('signs out here when it is this one, and takes the cookie back', async () => {
    const browser = await signIn(GRACE);
    const { session } = await browser.me();
    const answer = await judge.ask(browser, 'DELETE', `/api/me/sessions/${session.id.toUpperCase()}`);
    expect([answer.status, browser.sessionToken]).toEqual([204, undefined]);
    expect(await browser.me()).toBeUndefined();
  });
});

describe('DELETE /api/me/sessions', () => {
  it('ends all the others, and nobody else’s', async () => {
    const [here, there, ada] = [await signIn(GRACE), await signIn(GRACE), await signIn(ADA)];
    expect((await judge.ask(here, 'DELETE', '/api/me/sessions')).status).toBe(204);
    expect(await there.me()).toBeUndefined();
    expect(await ada.me()).toBeDefined();
    expect((await judge.ask(here, 'GET', '/api/me/sessions')).body).toMatchObject([{ current: true }]);
  });
});

describe('GET /api/providers', () => {
  it('tells the ways in, to everybody', async () => {
    const answer = await judge.ask(new Browser(app.url), 'GET', '/api/providers');
    expect([answer.status, answer.body]).toEqual([200, [{ id: 'google', label: 'Google', signInUrl: '/google' }]]);
  });
});

describe('every route of a person', () => {
  it.each(ROUTES)('$method $address is not for visitors', async ({ method, address, body }) => {
    expectProblem(await judge.ask(new Browser(app.url), method, address, { body }), 401, 'not_signed_in');
  });

  it.each(ROUTES)(
    '$method $address refuses unknown fields in the query, each by its name',
    async ({ method, address, body }) => {
      const answer = await judge.ask(await signIn(GRACE), method, `${address}?limit=5&a.b=1&__proto__=1&empty=&q[x]=1`, { body }); // prettier-ignore
      expectInvalid(answer, ['limit', 'a.b', '__proto__', 'empty', 'q[x]']);
    },
  );

  it.each(ROUTES.filter(({ method, body }) => method !== 'GET' && !body))(
    '$method $address takes no body',
    async ({ method, address }) => {
      expectInvalid(await judge.ask(await signIn(GRACE), method, address, { body: { all: true, b: 1 } }), ['all', 'b']);
    },
  );

  it.each(ROUTES.filter(({ method }) => method !== 'GET'))('$method $address is refused to another site', async ({ method, address, body }) => {
    const browser = await signIn(GRACE);
    const before = await judge.ask(browser, 'GET', '/api/me/sessions');
    for (const headers of FOREIGN) {
      expectProblem(await judge.ask(browser, method, address, { body, headers }), 403, 'cross_origin');
    }
    expect((await judge.ask(browser, 'GET', '/api/me/sessions')).body).toEqual(before.body);
  }); // prettier-ignore
});

describe('an id', () => {
  it.each(['accounts', 'sessions'])('of somebody else’s %s is as unknown as one that nobody has', async (what) => {
    const [grace, ada] = [await signIn(GRACE), await signIn(ADA)];
    const { body } = await judge.ask(ada, 'GET', `/api/me/${what}`);
    const [foreign, unknown] = [
      await judge.ask(grace, 'DELETE', `/api/me/${what}/${body[0].id}`),
      await judge.ask(grace, 'DELETE', `/api/me/${what}/${NO_ID}`),
    ];
    expectProblem(foreign, 404, 'not_found');
    const withoutReference = ({ body: { reference: _, ...rest } }: ApiAnswer) => rest;
    expect(withoutReference(foreign)).toEqual(withoutReference(unknown));
    expect((await judge.ask(ada, 'GET', `/api/me/${what}`)).body).toHaveLength(body.length);
  });

  it.each(['1', 'null', `${NO_ID}0`, 'x'.repeat(4000), '%00', '%ff', '%F0%28', "' OR 1=1 --", '[object Object]'])(
    'of the form %s is a 404',
    async (id) => {
      const browser = await signIn(GRACE);
      for (const what of ['accounts', 'sessions']) {
        expectProblem(await judge.ask(browser, 'DELETE', `/api/me/${what}/${id}`), 404, 'not_found');
      }
    },
  );
});

describe('the public routes', () => {
  it.each(PUBLIC_ROUTES)('%s need no session', async (address) => {
    expect((await judge.ask(new Browser(app.url), 'GET', address)).status).toBe(200);
  });

  it.each(PUBLIC_ROUTES)('%s refuse unknown fields in the query', async (address) => {
    expectInvalid(await judge.ask(new Browser(app.url), 'GET', `${address}?x=1`), ['x']);
  });
});

describe('the document', () => {
  it('is OpenAPI 3.1 as its own schema has it', async () => {
    const verdict = await new Validator().validate(structuredClone(judge.document));
    expect(verdict).toEqual({ valid: true });
    expect(judge.document.openapi).toMatch(/^3\.1\./);
    expect(judge.document.servers).toEqual([{ url: app.url }]);
  });

  it('has exactly the routes that exist', () => {
    const served = routesOf(app.nest)
      .map(({ method, path }) => `${method.toLowerCase()} ${path}`)
      .filter((route) => / \/api(\/|$)/.test(route))
      .map((route) => route.replace(/:(\w+)/g, '{$1}'));
    const told = operations().map(({ method, path }) => `${method} ${path}`);
    expect(served.length).toBeGreaterThan(9);
    expect(told.sort()).toEqual(served.sort());
  });

  it('says of each route what it does and who may call it', () => {
    for (const { operation } of operations()) {
      expect(operation.summary).toMatch(/^[A-Z].+\.$/);
      expect(operation.security).toEqual(expect.any(Array));
      expect(operation.responses['400']).toBeDefined();
    }
    expect(judge.document.paths['/api/me/accounts/{id}'].delete).toMatchObject({
      security: [{ session: [] }],
      'x-recent-sign-in': true,
      'x-same-origin': true,
      'x-problems': ['validation_failed', 'not_signed_in', 'recent_sign_in_required', 'cross_origin', 'not_found', 'last_account', 'rate_limited', 'database_unavailable'], // prettier-ignore
    });
    expect(judge.document.paths['/api/providers'].get.security).toEqual([]);
  });

  it('has a name of its own for each route', () => {
    const names = operations().map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('deleteMeAccountsById');
  });

  it('closes every body and every answer: no field that it does not name', () => {
    const open = operations().flatMap(({ method, path, operation }) => {
      const answers = Object.entries<any>(operation.responses).filter(([status]) => Number(status) < 400); // eslint-disable-line @typescript-eslint/no-explicit-any -- JSON as it came
      const contents = [operation.requestBody?.content, ...answers.map(([, { content }]) => content)];
      const schemas = contents.flatMap((content) => content?.['application/json']?.schema ?? []);
      return schemas.flatMap(objectsIn).filter(({ additionalProperties }) => additionalProperties !== false).map(() => `${method} ${path}`); // prettier-ignore
    });
    // The document itself may grow without a word, and the data of an audit entry are what each act has to say.
    expect([...new Set(open)].sort()).toEqual(['get /api/admin/audit', 'get /api/openapi.json']);
  });

  it('names the cookie as this installation does', () => {
    expect(judge.document.components.securitySchemes.session).toMatchObject({
      in: 'cookie',
      name: `gatehouse-${new URL(app.url).port}`,
    });
  });

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON as it came
  function operations(): { method: string; path: string; operation: any }[] {
    return Object.entries<object>(judge.document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
    );
  }

  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON as it came
  function objectsIn(schema: any): { additionalProperties?: unknown }[] {
    if (schema.$ref) return objectsIn(judge.document.components.schemas[schema.$ref.split('/').at(-1)]);
    if (schema.type === 'array') return objectsIn(schema.items);
    if (schema.type !== 'object') return [];
    return [schema, ...Object.values(schema.properties ?? {}).flatMap(objectsIn)];
  }
});

describe('GET /api/docs', () => {
  it('tells every route and every code, without script and without anything of others', async () => {
    const { text } = await judge.ask(new Browser(app.url), 'GET', '/api/docs');
    for (const [path, methods] of Object.entries<object>(judge.document.paths)) {
      for (const method of Object.keys(methods)) {
        expect(text).toContain(`<span class="verb">${method.toUpperCase()}</span> <code>${path}</code>`);
      }
    }
    expect(text).toContain('id="validation_failed"');
    expect(text).not.toMatch(/<script|style=|<style|src="http|href="http/);
  });

  it('has the place that the type of a problem names', async () => {
    const { body } = await judge.ask(new Browser(app.url), 'GET', '/api/me');
    const { pathname, hash } = new URL(body.type);
    const { text } = await judge.ask(new Browser(app.url), 'GET', pathname);
    expect(text).toContain(`id="${hash.slice(1)}"`);
  });
});
