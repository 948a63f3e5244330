import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';

/** In every setting that holds a secret, and in no output. */
const SECRET = 'hush-hush';
const KEY = `k1:${randomBytes(32).toString('base64')}`;
const SERVER = new URL(process.env.TEST_SERVER_URL ?? '');
const RUN_LIMIT_MS = 60_000;

interface Broken {
  readonly settings?: Readonly<Record<string, string>>;
  /** Written into the working directory. */
  readonly files?: Readonly<Record<string, string>>;
  /** Statements that prepare a database of its own; its address is in DATABASE_URL. */
  readonly database?: { readonly options?: string; readonly statements?: readonly string[]; readonly as?: string };
  /** Of the last words: the setting, and what else they must name. */
  readonly says: readonly RegExp[];
}

const PRODUCTION = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  BASE_URL: 'https://sign-in.example.org',
  DATABASE_URL: `postgres://me:${SECRET}@127.0.0.1:1/nowhere`,
  SECRET_KEYS: KEY,
  GOOGLE_CLIENT_ID: 'id',
  GOOGLE_CLIENT_SECRET: SECRET,
};

/** An extension with a hook; what it imports is found here. */
function extension(body: string): string {
  return `
    import 'reflect-metadata';
    import { Injectable, Module } from '@nestjs/common';
    import { allow, OnOAuthAuthorized, refuse } from 'gatehouse';
    const decorate = (decorators, target, name) => {
      const descriptor = Object.getOwnPropertyDescriptor(target, name);
      for (const decorator of decorators.reverse()) decorator(target, name, descriptor);
      Object.defineProperty(target, name, descriptor);
    };
    ${body}`;
}

const SETTINGS: Record<string, Broken> = {
  'a byte order mark that hides nothing any more': {
    files: { '.env': '\uFEFFSIGN_UP=shut\n' },
    says: [/SIGN_UP .*open, closed or invited/],
  },
  'a line of .env that is no setting': { files: { '.env': 'SIGN_UP closed' }, says: [/Line 1 of the file \.env/] },
  'a misspelled name in production': { settings: { ...PRODUCTION, SIGNUP: 'closed' }, says: [/SIGNUP .*SIGN_UP/] },
  'a misspelled name in .env in production': {
    settings: PRODUCTION,
    files: { '.env': 'ALLOWED_EMAIL_DOMAIN=corp.test' },
    says: [/ALLOWED_EMAIL_DOMAIN .*ALLOWED_EMAIL_DOMAINS/],
  },
  'no provider on a public address': { settings: { BASE_URL: 'https://sign-in.example.org' }, says: [/BASE_URL .*no provider is configured.*GOOGLE_CLIENT_ID/] }, // prettier-ignore
  'no provider with a database elsewhere': { settings: { DATABASE_URL: `postgres://me:${SECRET}@db.example.org/x?sslmode=disable` }, says: [/DATABASE_URL .*no provider is configured/] }, // prettier-ignore
  'a HOST of another machine': {
    settings: { ...PRODUCTION, HOST: '192.0.2.1' },
    says: [/HOST=192\.0\.2\.1 /, /Set HOST/],
  },
  'a HOST that does not exist': {
    settings: { ...PRODUCTION, HOST: 'nowhere.invalid' },
    says: [/HOST=nowhere\.invalid/],
  },
  'a DATA_DIR that is a file': {
    settings: { DATA_DIR: 'file', SECRET_KEYS: '' },
    files: { file: '' },
    says: [/DATA_DIR/],
  },
  'a DATA_DIR for the key where no folder can be created': { settings: { DATA_DIR: '/proc/nope', SECRET_KEYS: '' }, says: [/DATA_DIR .*\/proc\/nope/] }, // prettier-ignore
  'a DATA_DIR for the database where no folder can be created': { settings: { DATA_DIR: '/proc/nope', DATABASE_URL: '' }, says: [/\/proc\/nope\/postgres/] }, // prettier-ignore
  'a damaged development key': {
    settings: { DATA_DIR: 'data', SECRET_KEYS: '' },
    files: { 'data/secret-key': SECRET },
    says: [/DATA_DIR/],
  },
  'a provider that OIDC_PROVIDERS cannot name': { settings: { OIDC_PROVIDERS: 'admin', ADMIN_CLIENT_ID: 'x', ADMIN_CLIENT_SECRET: SECRET, ADMIN_ISSUER: 'https://a.example' }, says: [/OIDC_PROVIDERS .*"admin"/] }, // prettier-ignore
};

/** The unit tests of database-address have every other kind; a password like these stands where a port or path is read. */
const PASSWORDS: Record<string, Broken> = Object.fromEntries(
  [`1/${SECRET}`, `1?${SECRET}`, `${SECRET}#x`, `${SECRET}%ff`].map((password) => [
    `a password like ${password.replace(SECRET, '…')}`,
    {
      settings: { ...PRODUCTION, DATABASE_URL: `postgres://me:${password}@127.0.0.1:1/nowhere` },
      says: [/DATABASE_URL/],
    },
  ]),
);

const DATABASES: Record<string, Broken> = {
  'a database that is not UTF8': { database: { options: "ENCODING 'SQL_ASCII' LOCALE_PROVIDER libc LOCALE 'C'" }, says: [/DATABASE_URL/, /SQL_ASCII/, /ENCODING 'UTF8'/] }, // prettier-ignore
  'a role that cannot create tables': { database: { as: 'weak' }, says: [/DATABASE_URL/, /may not create tables/, /GRANT CREATE/] }, // prettier-ignore
  'a role without a schema': { database: { as: 'weak', statements: ['REVOKE ALL ON SCHEMA public FROM PUBLIC'] }, says: [/DATABASE_URL/, /no schema/, /GRANT USAGE/] }, // prettier-ignore
  'the table users of another application': { database: { statements: ['CREATE TABLE users (id int)'] }, says: [/DATABASE_URL/, /table users belongs to another application/] }, // prettier-ignore
  'the table sessions of another application': { database: { statements: ['CREATE TABLE sessions (id int)'] }, says: [/DATABASE_URL/, /sessions/] }, // prettier-ignore
  'the migrations of another framework': { database: { statements: ['CREATE TABLE migrations (id int, migration text, batch int)'] }, says: [/DATABASE_URL/, /migrations belongs to another/] }, // prettier-ignore
  'the migrations of another TypeORM application': {
    database: {
      statements: [
        'CREATE TABLE migrations (id serial, "timestamp" bigint, name varchar)',
        "INSERT INTO migrations (timestamp, name) VALUES (1, 'Shop1')",
      ],
    },
    says: [/DATABASE_URL/, /migrations belongs to another/],
  },
  'a read-only database': { database: { statements: ['ALTER DATABASE %I SET default_transaction_read_only = on'] }, says: [/DATABASE_URL/, /read-only/] }, // prettier-ignore
  'a certificate file that does not exist': { settings: { DATABASE_URL: `postgres://me:${SECRET}@127.0.0.1:1/x?sslmode=verify-full&sslrootcert=/nowhere/ca.pem` }, says: [/DATABASE_URL/, /certificate file/] }, // prettier-ignore
  'a server without TLS that should have it': { settings: { DATABASE_URL: `${SERVER.href}?sslmode=verify-full` }, says: [/DATABASE_URL/, /does not offer TLS/] }, // prettier-ignore
};

/** Where the embedded database is to be. */
const FOLDERS: Record<string, Broken> = {
  'a DATA_DIR that is a file, for the database': {
    settings: { DATABASE_URL: '', DATA_DIR: 'file' },
    files: { file: '' },
    says: [/DATA_DIR/, /DATABASE_URL/],
  },
};

/** The unit tests of database-address have every other parameter; these once ended in silence, a stack or a number. */
const ADDRESSES: Record<string, Broken> = {
  ...Object.fromEntries(
    [
      'port=abc',
      'port=99999',
      'port=0',
      'sslnegotiation=foo',
      'ssl=foo',
      'statement_timeout=abc',
      'sslmode=verify-ca&uselibpqcompat=true',
      'sslrootcert=/nowhere/ca.pem',
    ].map((query) => [
      // prettier-ignore
      `an address with ${query}`,
      { settings: { DATABASE_URL: `${SERVER.href}?${query}` }, says: [/DATABASE_URL/, new RegExp(query.split('=')[0] ?? '')] }, // prettier-ignore
    ]),
  ),
  'options that the server does not have': { settings: { DATABASE_URL: `${SERVER.href}?options=-c%20no_such=1` }, says: [/DATABASE_URL/, /options/] }, // prettier-ignore
  'options that cannot be read': { settings: { DATABASE_URL: `${SERVER.href}?options=nonsense` }, says: [/DATABASE_URL/, /options/] }, // prettier-ignore
  'a certificate file with other content': {
    settings: { DATABASE_URL: `postgres://me:${SECRET}@${SERVER.host}/x?sslkey=file` },
    files: { file: SECRET },
    says: [/DATABASE_URL/],
  },
  'a PGPORT that is no number': { settings: { DATABASE_URL: `postgres://me:${SECRET}@127.0.0.1/x?sslmode=disable`, PGPORT: 'abc' }, says: [/DATABASE_URL/, /PGPORT/] }, // prettier-ignore
};

const EXTENSIONS: Record<string, Broken> = {
  'an extension that imports what is not installed': {
    files: { 'ext.mjs': "import 'left-pad-of-nobody';" },
    settings: { EXTENSIONS: './ext.mjs' },
    says: [/EXTENSIONS .*left-pad-of-nobody.*ext\.mjs/],
  },
  'an extension that throws while it is put in': {
    files: { 'ext.mjs': extension("class Ext { onModuleInit() { throw new Error('no licence'); } } Module({})(Ext); export default Ext;") }, // prettier-ignore
    settings: { EXTENSIONS: './ext.mjs' },
    says: [/EXTENSIONS .*ext\.mjs.*no licence/],
  },
  'a hook that is not registered': {
    files: {
      'ext.mjs': extension(`
        class OnlyStaff { decide() { return refuse('No.'); } }
        decorate([OnOAuthAuthorized()], OnlyStaff.prototype, 'decide');
        class Ext {} Module({ providers: [] })(Ext); export default Ext;`),
    },
    settings: { EXTENSIONS: './ext.mjs' },
    says: [/EXTENSIONS .*OnlyStaff\.decide\(\)/],
  },
  'a hook for an unknown provider': {
    files: {
      'ext.mjs': extension(`
        class OnlyStaff { decide() { return refuse('No.'); } }
        Injectable()(OnlyStaff);
        decorate([OnOAuthAuthorized('gogle')], OnlyStaff.prototype, 'decide');
        class Ext {} Module({ providers: [OnlyStaff] })(Ext); export default Ext;`),
    },
    settings: { EXTENSIONS: './ext.mjs' },
    says: [/OnlyStaff\.decide\(\) .*"gogle"/],
  },
};

let folder: string;
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'gatehouse-broken-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs it to its end with nothing else of our environment, and expects one plain message about the setting. */
async function expectLastWords(program: string[], { settings, files = {}, database, says }: Broken): Promise<void> {
  const cwd = mkdtempSync(join(folder, 'run-'));
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(join(cwd, name, '..'), { recursive: true });
    writeFileSync(join(cwd, name), text);
  }
  const made = database && (await makeDatabase(database));
  try {
    const child = spawn(process.execPath, program, {
      cwd,
      env: { PATH: process.env.PATH ?? '', HOME: cwd, PORT: '0', ...(made ? { DATABASE_URL: made.url } : { DATABASE_URL: SERVER.href }), SECRET_KEYS: KEY, ...settings }, // prettier-ignore
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
    const limit = setTimeout(() => child.kill('SIGKILL'), RUN_LIMIT_MS);
    const [code] = (await once(child, 'close')) as [number | null];
    clearTimeout(limit);

    for (const part of says) expect(output).toMatch(part);
    expect(output).not.toMatch(/^\s+at /m);
    expect(output).not.toContain('URI malformed');
    expect(output).not.toContain(SECRET);
    expect(output).not.toContain(SERVER.password);
    expect(code).toBe(1);
  } finally {
    await made?.drop();
  }
}

async function makeDatabase({ options = '', statements = [], as }: NonNullable<Broken['database']>) {
  const name = `broken_${randomBytes(6).toString('hex')}`;
  const admin = new pg.Client(SERVER.href);
  await admin.connect();
  await admin.query(`CREATE DATABASE ${name} TEMPLATE template0 ${options}`);
  const url = new URL(SERVER.href);
  url.pathname = `/${name}`;
  const owner = new pg.Client(url.href);
  await owner.connect();
  for (const statement of statements) await owner.query(statement.replace('%I', name));
  await owner.end();
  if (as !== undefined) {
    await admin.query(`CREATE ROLE ${as}_${name} LOGIN PASSWORD '${SECRET}'`);
    url.username = `${as}_${name}`;
    url.password = SECRET;
  }
  return {
    url: url.href,
    drop: async () => {
      await admin.query(`DROP DATABASE ${name} WITH (FORCE)`);
      if (as !== undefined) await admin.query(`DROP ROLE ${as}_${name}`);
      await admin.end();
    },
  };
}

describe('a start that fails names the setting and what to do, and shows no stack and no secret', () => {
  const main = [join(process.cwd(), 'dist/main.js')];
  it.each(Object.entries({ ...SETTINGS, ...PASSWORDS, ...ADDRESSES, ...FOLDERS, ...DATABASES, ...EXTENSIONS }))(
    '%s',
    async (_, broken) => {
      await expectLastWords(main, broken);
    },
    RUN_LIMIT_MS,
  );
});

describe('a command that fails does the same', () => {
  const migrate = [join(process.cwd(), 'dist/cli/main.js'), 'migrate'];
  it.each(Object.entries({ ...PASSWORDS, ...ADDRESSES, ...FOLDERS, ...DATABASES }))(
    'migrate: %s',
    async (_, broken) => {
      await expectLastWords(migrate, broken);
    },
    RUN_LIMIT_MS,
  );
});

describe('a process whose event loop runs empty before its work is done', () => {
  const silence = (method: string) =>
    `data:text/javascript,import net from 'node:net';net.${method}=function(){return this}`;

  it.each([
    ['dist/main.js', 'Server.prototype.listen'],
    ['dist/cli/main.js', 'Socket.prototype.connect'],
  ])(
    'says so and fails: %s without %s',
    async (entry, method) => {
      await expectLastWords(['--import', silence(method), join(process.cwd(), entry), 'migrate'], {
        says: [/stopped before its work was done/],
      });
    },
    RUN_LIMIT_MS,
  );
});

describe('an error that no code handles', () => {
  /** As soon as the process listens for it. */
  const error = (statement: string) =>
    `data:text/javascript,process.on('newListener',(event)=>{if(event==='unhandledRejection')setImmediate(()=>{${statement}})})`; // prettier-ignore

  it.each([
    ['dist/main.js', `throw new Error('${SECRET}')`],
    ['dist/main.js', `Promise.reject(new Error('${SECRET}'))`],
    ['dist/cli/main.js', `throw new Error('${SECRET}')`],
    ['dist/cli/main.js', `Promise.reject('${SECRET}')`],
  ])(
    'ends %s with a sentence: %s',
    async (entry, statement) => {
      await expectLastWords(['--import', error(statement), join(process.cwd(), entry), 'migrate'], {
        says: [/stopped because of an unexpected error/],
      });
    },
    RUN_LIMIT_MS,
  );
});

describe('an old Node', () => {
  const pretend = `data:text/javascript,Object.defineProperty(process,'versions',{value:{...process.versions,node:'18.20.4'}})`;
  it.each(['scripts/start.js', 'scripts/cli.js', 'scripts/dev.js', 'dist/main.js', 'dist/cli/main.js'])(
    'is refused by %s, with the version that is needed',
    async (entry) => {
      await expectLastWords(['--import', pretend, join(process.cwd(), entry)], {
        says: [/Gatehouse needs Node 20\.19 or newer, and this is Node 18\.20\.4/, /PATH/],
      });
    },
    RUN_LIMIT_MS,
  );
});
