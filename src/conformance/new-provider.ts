import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PlainError } from '../config/plain-error.js';
import { fixtureFile } from './fixtures.js';
import { FILL_IN, FILL_IN_HOST } from './template-mark.js';

const SOURCE = fileURLToPath(new URL('../../src/providers/', import.meta.url));
const CATALOGUE = `${SOURCE}catalogue.ts`;

export interface NewProvider {
  readonly id: string;
  readonly label: string;
  /** It describes itself, and an id_token says who somebody is. */
  readonly isOpenId: boolean;
}

/**
 * Writes a provider's file, its fixture and its line in the catalogue, with marked places to fill in.
 *
 * @returns the files, as seen from the working directory's repository
 * @throws PlainError where there are no sources to write into
 */
export function writeNewProvider(provider: NewProvider): readonly string[] {
  if (!existsSync(CATALOGUE)) {
    throw new PlainError('A provider is added in a clone of Gatehouse; elsewhere it comes as an extension.');
  }
  const { id } = provider;
  writeFileSync(`${SOURCE}${id}.ts`, provider.isOpenId ? openIdSource(provider) : source(provider));
  writeFileSync(fixtureFile(id), `${JSON.stringify(fixture(provider), null, 2)}\n`);
  writeFileSync(CATALOGUE, listed(readFileSync(CATALOGUE, 'utf8'), provider));
  return [`src/providers/${id}.ts`, `fixtures/${id}.json`, 'src/providers/catalogue.ts'];
}

/** Whether a file of this provider is there already. */
export function isTaken(id: string): boolean {
  return existsSync(`${SOURCE}${id}.ts`) || existsSync(fixtureFile(id));
}

/** `hugging-face` is `huggingFace` in code. */
function variable(id: string): string {
  return id.replace(/-([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function source({ id, label }: NewProvider): string {
  return `import { z } from 'zod';
import { email, flag, subject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

// ${FILL_IN}: every address and member below, from the provider's own pages. provider.ts says what else there is.
export const ${variable(id)} = defineProvider({
  id: '${id}',
  label: ${quoted(label)},
  consoleUrl: 'https://${FILL_IN_HOST}/apps',
  referenceUrl: 'https://${FILL_IN_HOST}/docs/oauth',
  scopes: ['email'],
  endpoints: {
    authorization_endpoint: 'https://${FILL_IN_HOST}/oauth/authorize',
    token_endpoint: 'https://${FILL_IN_HOST}/oauth/token',
    userinfo_endpoint: 'https://${FILL_IN_HOST}/api/me',
  },
  // ${FILL_IN}: 'none', 'unverified', or 'verified' where it says of each address whether it has checked it.
  emails: 'verified',
  claims: z.object({ id: subject, name: text, email, email_verified: flag, picture: text }),
  toProfile: ({ id, name, email, email_verified, picture }) => ({
    subject: id,
    name,
    email,
    emailVerified: email_verified,
    pictureUrl: picture,
  }),
});
`;
}

function openIdSource({ id, label }: NewProvider): string {
  return `import { openIdProvider } from '../oauth/openid-provider.js';

// ${FILL_IN}: from the provider's own pages. openid-provider.ts says what stands without being said.
export const ${variable(id)} = openIdProvider({
  id: '${id}',
  label: ${quoted(label)},
  consoleUrl: 'https://${FILL_IN_HOST}/apps',
  referenceUrl: 'https://${FILL_IN_HOST}/docs/openid',
});
`;
}

function fixture({ isOpenId }: NewProvider): object {
  const person = (name: string, isChecked: boolean) => ({
    [isOpenId ? 'sub' : 'id']: `${FILL_IN}: ${name}'s permanent id, as documented`,
    name,
    email: `${name.toLowerCase()}@mail.example`,
    email_verified: isChecked,
    picture: null,
  });
  const profile = (name: string, isChecked: boolean) => ({
    subject: `${FILL_IN}: ${name}'s permanent id, as documented`,
    email: `${name.toLowerCase()}@mail.example`,
    emailVerified: isChecked,
    name,
    pictureUrl: null,
  });
  const call = isOpenId ? `GET https://${FILL_IN_HOST}/userinfo` : `GET https://${FILL_IN_HOST}/api/me`;
  const calls = (name: string, isChecked = true) => ({ [call]: { answer: person(name, isChecked) } });
  const said = (name: string, isChecked = true) => ({
    ...(isOpenId ? { claims: person(name, isChecked) } : {}),
    calls: calls(name, isChecked),
  });
  return {
    source: [`https://${FILL_IN_HOST}/docs/oauth`],
    ...(isOpenId ? { settings: { ISSUER: `https://${FILL_IN_HOST}` } } : {}),
    authorization: {
      address: `https://${FILL_IN_HOST}/oauth/authorize`,
      parameters: { scope: isOpenId ? 'openid email profile' : 'email' },
    },
    token: {
      address: `https://${FILL_IN_HOST}/oauth/token`,
      clientAuthentication: 'client_secret_post',
      answer: {
        access_token: 'at-first',
        token_type: 'Bearer',
        expires_in: 3600,
        refresh_token: 'rt-first',
        scope: isOpenId ? 'openid email profile' : 'email',
      },
    },
    refresh: {
      answer: { access_token: 'at-second', token_type: 'Bearer', expires_in: 3600 },
      dead: [{ status: 400, answer: { error: 'invalid_grant', error_description: `${FILL_IN}, or take it out` } }],
    },
    ...(isOpenId
      ? {
          idToken: {
            issuer: `https://${FILL_IN_HOST}`,
            keys: `https://${FILL_IN_HOST}/keys`,
            claims: person('Ada', true),
          },
        }
      : {}),
    calls: calls('Ada'),
    profile: profile('Ada', true),
    another: { ...said('Grace'), profile: profile('Grace', true) },
    variants: [{ name: 'an address that was not checked', ...said('Ada', false), profile: profile('Ada', false) }],
    exchangeErrors: [
      {
        name: 'a code it does not know',
        status: 400,
        answer: { error: 'invalid_grant', error_description: `${FILL_IN}: its own shape` },
        code: 'code_rejected',
      },
    ],
  };
}

/** The catalogue with one more line, in its place among those that stand in the order of their names. */
function listed(catalogue: string, { id, isOpenId }: NewProvider): string {
  const name = variable(id);
  const lines = catalogue.split('\n');
  const begin = lines.findIndex((line) => line.startsWith('const CATALOGUE')) + 1;
  const end = lines.indexOf('};', begin);
  if (begin === 0 || end === -1) throw new PlainError(`${CATALOGUE} has no list that a line could be added to.`);
  const ids = lines.slice(begin, end).map((line) => /^ {2}'?([\w-]+)/.exec(line)?.[1] ?? '');
  const runs = runsOf(ids);
  // The servers of one's own are the last ones; the ones most people look for stand before the others.
  const run = isOpenId ? runs.at(-1) : [...runs].sort((one, other) => other.names.length - one.names.length)[0];
  if (!run) throw new PlainError(`${CATALOGUE} has an empty list.`);
  const after = run.names.filter((other) => other < id).length;
  const key = id === name ? id : quoted(id);
  lines.splice(begin + run.start + after, 0, `  ${key}: async () => (await import(${quoted(`./${id}.js`)})).${name},`);
  return lines.join('\n');
}

/** Stretches of a list that are in order. */
function runsOf(names: readonly string[]): { start: number; names: string[] }[] {
  const runs: { start: number; names: string[] }[] = [];
  for (const [index, name] of names.entries()) {
    const last = runs.at(-1);
    if (last && (last.names.at(-1) ?? '') < name) last.names.push(name);
    else runs.push({ start: index, names: [name] });
  }
  return runs;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
