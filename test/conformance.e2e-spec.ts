import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { z } from 'zod';
import { candidateOf, loadCheckedCatalogue } from '../src/conformance/candidates.js';
import { checkProvider } from '../src/conformance/check-provider.js';
import { CHECKS } from '../src/conformance/checks.js';
import { failuresOf } from '../src/conformance/report.js';
import { ConformanceKit, type ProviderResult } from '../src/conformance/run.js';
import { subject, text } from '../src/oauth/claims.js';
import { defineProvider, type OAuthProvider } from '../src/oauth/provider.js';
import { spotify } from '../src/providers/spotify.js';
import { createDatabase, type TestDatabase } from './support/database.js';

/** Signs people in some hundred times. */
const ONE_PROVIDER_LIMIT_MS = 180_000;
/** Compiles the whole house. */
const BUILD_LIMIT_MS = 240_000;

const fixtureOf = (id: string) => JSON.parse(readFileSync(`fixtures/${id}.json`, 'utf8')) as Record<string, unknown>;

/** As somebody else's file: not compiled by us, and with nothing but what an extension may import. */
const OWN_PROVIDER = `
import { Module } from '@nestjs/common';
import { defineProvider, display, email, newestSubject, OAuthModule, optionalSubject, text } from 'gatehouse';
import { z } from 'zod';

const own = defineProvider({
  id: 'own',
  label: 'Own',
  scopes: ['user-read-email'],
  endpoints: {
    authorization_endpoint: 'https://accounts.spotify.com/authorize',
    token_endpoint: 'https://accounts.spotify.com/api/token',
    userinfo_endpoint: 'https://api.spotify.com/v1/me',
  },
  emails: 'unverified',
  quirks: { tokenEndpointAuthMethod: 'client_secret_basic' },
  claims: z.object({
    id: optionalSubject,
    account_id: optionalSubject,
    display_name: text,
    email,
    images: display(z.array(z.object({ url: text }))),
  }),
  toProfile: ({ id, account_id, display_name, email, images }) => ({
    ...newestSubject(account_id, id),
    name: display_name ?? id,
    email,
    emailVerified: false,
    pictureUrl: images?.[0]?.url,
  }),
});

export default class OwnModule {}
Module({ imports: [OAuthModule.forFeature(own)] })(OwnModule);
`;

const CATALOGUE = await loadCheckedCatalogue();

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => database.drop());

describe('every provider of the catalogue', () => {
  const ids = CATALOGUE.map(({ id }) => id);
  let kit: ConformanceKit;

  beforeAll(async () => {
    const candidates = ids.map((id) => candidateOf(id, CATALOGUE));
    kit = await ConformanceKit.start({ databaseUrl: database.url, catalogue: CATALOGUE, candidates });
  }, ONE_PROVIDER_LIMIT_MS);

  afterAll(async () => kit.stop());

  it.each(ids)(
    'does what it documents: %s',
    async (id) => {
      const result = await kit.check(candidateOf(id, CATALOGUE));
      expect(failuresOf(result)).toEqual([]);
      expect(result.checks.length).toBeGreaterThan(30);
    },
    ONE_PROVIDER_LIMIT_MS,
  );

  it('has a fixture, and no fixture is of nobody', () => {
    const files = readdirSync('fixtures').map((file) => file.replace(/\.json$/, ''));
    expect(files.sort()).toEqual([...ids].sort());
  });
});

describe('the check that is meant for it', () => {
  const failed = ({ checks }: ProviderResult) => checks.flatMap(({ id, reason }) => (reason === undefined ? [] : [id]));
  const check = async (changes: Partial<OAuthProvider>, fixture: object = fixtureOf('spotify')) => {
    const provider = { ...spotify, ...changes } as OAuthProvider;
    return failed(await checkProvider(provider, fixture, { databaseUrl: database.url }));
  };

  it('has a name of its own', () => {
    expect(new Set(CHECKS.map(({ id }) => id)).size).toBe(CHECKS.length);
  });

  it.each<[string, Partial<OAuthProvider>, string[]]>([
    [
      'a name where the subject belongs',
      { toProfile: (claims) => ({ ...spotify.toProfile(claims as never, {}), subject: 'Ada' }) },
      [
        ...['sign-in.profile', 'sign-in.same-person', 'sign-in.former-subjects', 'sign-in.without-former-subject'],
        ...['sign-in.variants', 'email.missing', 'odd-values.token', 'odd-values.calls', 'unimportant.token'],
      ],
    ],
    [
      'an address that counts as verified although nobody vouches for it',
      {
        emails: 'verified',
        toProfile: (claims) => ({ ...spotify.toProfile(claims as never, {}), emailVerified: true }),
      },
      ['sign-in.profile', 'sign-in.variants', 'odd-values.token', 'odd-values.calls'],
    ],
    [
      'claims that are taken as they come',
      {
        claims: anything(),
        toProfile: (claims) => ({ ...spotify.toProfile(claims as never, {}), subject: idOf(claims) }),
      },
      ['sign-in.variants', 'odd-values.calls', 'secrets.defects'],
    ],
    [
      'an authorization endpoint that is another one',
      { endpoints: { ...endpoints(), authorization_endpoint: 'https://accounts.spotify.com/authorise' } },
      ['begin.address'],
    ],
    [
      'a token endpoint that is another one',
      { endpoints: { ...endpoints(), token_endpoint: 'https://accounts.spotify.com/token' } },
      ['sign-in.requests'],
    ],
    ['a client that names itself in the form', { quirks: {} }, ['sign-in.requests']],
    ['more scopes than documented', { scopes: ['user-read-email', 'streaming'] }, ['begin.standard']],
    ['no PKCE', { quirks: { ...spotify.quirks, pkce: false } }, ['begin.pkce']],
    ['a parameter that nobody documents', { authorizationParams: { theme: 'dark' } }, ['begin.nothing-else']],
    [
      'a revocation that is not documented',
      { endpoints: { ...endpoints(), revocation_endpoint: 'https://accounts.spotify.com/revoke' } },
      ['revocation.none'],
    ],
  ])(
    'fails at %s, and no other one does',
    async (_what, changes, expected) => {
      expect(await check(changes)).toEqual(expected);
    },
    ONE_PROVIDER_LIMIT_MS,
  );

  describe('a provider with a GraphQL userinfo', () => {
    const address = 'https://api.graph.example/graphql';
    const request = { query: '{ viewer { id name email } }' };
    const graph = defineProvider({
      id: 'graph',
      label: 'Graph',
      scopes: spotify.scopes,
      endpoints: { ...endpoints(), userinfo_endpoint: address },
      emails: 'unverified',
      quirks: { ...spotify.quirks, userinfo: { json: request } },
      claims: z.object({ data: z.object({ viewer: z.object({ id: subject, name: text, email: text }) }) }),
      toProfile: ({ data: { viewer } }) => ({ subject: viewer.id, name: viewer.name, email: viewer.email }),
    });
    const viewer = { id: 'ada-graph', name: 'Ada', email: 'ada@mail.example' };
    const profile = {
      subject: 'ada-graph',
      email: 'ada@mail.example',
      emailVerified: false,
      name: 'Ada',
      pictureUrl: null,
    };
    const refused = { errors: [{ message: 'Authentication required' }] };
    const call = `POST ${address}`;
    const fixture = {
      ...fixtureOf('spotify'),
      calls: { [call]: { json: { query: '{\n  viewer { id name email }\n}' }, answer: { data: { viewer } } } },
      profile,
      another: {
        calls: { [call]: { answer: { data: { viewer: { ...viewer, id: 'grace-graph' } } } } },
        profile: { ...profile, subject: 'grace-graph' },
      },
      variants: [
        { name: 'refused with status 200', calls: { [call]: { answer: refused } }, code: 'provider_refused' },
        { name: 'without data', calls: { [call]: { answer: { data: null, ...refused } } }, code: 'provider_refused' },
        {
          name: 'without an optional field',
          calls: { [call]: { answer: { data: { viewer: { ...viewer, email: null } }, ...refused } } },
          profile: { ...profile, email: null },
        },
        {
          name: 'without the user',
          calls: { [call]: { answer: { data: { viewer: null }, ...refused } } },
          code: 'provider_answer_invalid',
        },
      ],
    };

    it(
      'passes with the documented query',
      async () => {
        const { failures } = await checkProvider(graph, fixture, { databaseUrl: database.url });
        expect(failures).toEqual([]);
      },
      ONE_PROVIDER_LIMIT_MS,
    );

    it(
      'fails with another one',
      async () => {
        const other = { ...graph, quirks: { ...graph.quirks, userinfo: { json: { query: '{ viewer { id } }' } } } };
        expect(failed(await checkProvider(other, fixture, { databaseUrl: database.url }))).toEqual([
          'sign-in.requests',
        ]);
      },
      ONE_PROVIDER_LIMIT_MS,
    );
  });

  it('says what a fixture lacks, by its place', async () => {
    const fixture = { ...fixtureOf('spotify'), token: { address: 'https://accounts.spotify.com/api/token' } };
    await expect(check({}, fixture)).rejects.toThrow(/token\.clientAuthentication: .*\n.*token\.answer: /);
  });

  function endpoints() {
    return spotify.endpoints ?? { authorization_endpoint: '', token_endpoint: '' };
  }

  /** Whatever stands there, made a text. */
  const idOf = (claims: unknown) => String((claims as { account_id?: unknown }).account_id);

  /** A schema that lets everything pass. */
  function anything(): OAuthProvider['claims'] {
    return { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };
  }
});

describe('provider:new and provider:check', () => {
  let copy: string;

  beforeAll(() => {
    copy = mkdtempSync(join(tmpdir(), 'gatehouse-copy-'));
    for (const part of [
      'src',
      'dist',
      'scripts',
      'fixtures',
      'views',
      'public',
      'package.json',
      'tsconfig.json',
      'tsconfig.build.json',
    ]) {
      cpSync(part, join(copy, part), { recursive: true, preserveTimestamps: true });
    }
    symlinkSync(resolve('node_modules'), join(copy, 'node_modules'));
  });

  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  async function cli(...given: (string | Record<string, string>)[]) {
    const parameters = given.filter((each) => typeof each === 'string');
    const environment = Object.assign({}, ...given.filter((each) => typeof each === 'object')) as Record<
      string,
      string
    >;
    const child = spawn(process.execPath, ['scripts/cli.js', ...parameters], {
      cwd: copy,
      env: { PATH: process.env.PATH, HOME: copy, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const texts = { stdout: '', stderr: '' };
    child.stdout.on('data', (chunk: Buffer) => (texts.stdout += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (texts.stderr += chunk.toString()));
    const [code] = await once(child, 'close');
    return { code: code as number | null, ...texts };
  }

  it.each([
    [['provider:new', 'Spotify'], 'lower case'],
    [['provider:new', 'spotify'], 'there already'],
    [['provider:new', 'admin'], 'an address of Gatehouse itself'],
    [['provider:check'], 'name a provider'],
    [['provider:check', 'spotify', '--all'], 'name a provider'],
  ])(
    'refuses %j',
    async (parameters, reason) => {
      const { code, stdout, stderr } = await cli(...parameters);
      expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
      expect(stderr).toContain(reason);
    },
    BUILD_LIMIT_MS,
  );

  it.each([
    [['provider:new', 'unwritten'], 'fixtures/unwritten.json'],
    [['provider:docs'], 'docs/providers/spotify.md'],
  ])(
    'end with the file that cannot be written: %j, %s',
    async (parameters, file) => {
      // Root can write everywhere, but not through a link into a folder that does not exist.
      mkdirSync(join(copy, file, '..'), { recursive: true });
      symlinkSync('/nowhere/file', join(copy, file));
      const { code, stdout, stderr } = await cli(...parameters);
      for (const written of [file, 'src/providers/unwritten.ts']) rmSync(join(copy, written), { force: true });
      expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
      expect(stderr).toMatch(
        new RegExp(`^\\S*/${file} cannot be written \\(ENOENT\\)\\. Run the command as a user`, 'm'),
      );
    },
    BUILD_LIMIT_MS,
  );

  it(
    'passes a provider that does what it documents',
    async () => {
      const { code, stdout } = await cli('provider:check', 'spotify');
      expect(stdout).toMatch(/^spotify +\d+ checks passed {2}\(\d+ sign-ins\)\n$/);
      expect(code).toBe(0);
    },
    BUILD_LIMIT_MS,
  );

  it(
    'begin a provider, say what is to be filled in, and pass it then',
    async () => {
      const begun = await cli('provider:new', 'acme-staff', '--label', "Acme's staff");
      expect(begun).toMatchObject({ code: 0, stderr: '' });
      expect(begun.stdout).toContain('Wrote src/providers/acme-staff.ts');
      expect((await cli('provider:new', 'acme-staff')).code).toBe(2);
      const openId = await cli('provider:new', 'acme-id', '--openid');
      expect(openId).toMatchObject({ code: 0, stderr: '' });

      const empty = await cli('provider:check', 'acme-staff', 'acme-id');
      expect(empty.code).toBe(1);
      expect(empty.stdout).toContain('src/providers/acme-staff.ts: endpoints.token_endpoint');
      expect(empty.stdout).toContain('fixtures/acme-staff.json: profile.subject');
      expect(empty.stdout).toContain('fixtures/acme-id.json: settings.ISSUER');
      // It builds, without a word of complaint.
      expect(empty.stderr).toMatch(/^Building \.\.\.\n$/);

      for (const id of ['acme-staff', 'acme-id']) {
        for (const file of [`src/providers/${id}.ts`, `fixtures/${id}.json`]) fillIn(join(copy, file));
      }
      const filled = await cli('provider:check', 'acme-staff', 'acme-id');
      expect(filled.stdout).toMatch(/acme-staff +\d+ checks passed/);
      expect(filled.stdout).toMatch(/acme-id +\d+ checks passed/);
      expect(filled.code).toBe(0);
    },
    BUILD_LIMIT_MS,
  );

  it(
    'check a provider that an extension brings, by a fixture of its own',
    async () => {
      writeFileSync(join(copy, 'own.mjs'), OWN_PROVIDER);
      const own = [...['provider:check', 'own'], '--fixture', 'fixtures/spotify.json'];
      expect(await cli({ EXTENSIONS: 'own.mjs' }, ...own)).toMatchObject({ code: 0, stderr: '' });
      const { code, stderr } = await cli(...own);
      expect(code).toBe(1);
      expect(stderr).toContain('EXTENSIONS');
    },
    BUILD_LIMIT_MS,
  );

  function fillIn(file: string): void {
    const text = readFileSync(file, 'utf8');
    const filled = text.replaceAll('fill-in.example', 'acme.example').replace(/FILL IN: Grace's[^"]*/g, 'grace-1');
    writeFileSync(file, filled.replace(/FILL IN: Ada's[^"]*/g, 'ada-1').replace(/FILL IN[^"\n]*/g, 'as documented'));
  }
});
