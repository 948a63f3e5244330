import { describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../src/config/config.js';
import { SETTINGS } from '../src/config/settings.js';
import { OAuthError, type OAuthErrorCode } from '../src/oauth/oauth.errors.js';
import { loadProviders } from '../src/providers/catalogue.js';
import { google } from '../src/providers/google.js';
import { providerPages } from '../src/conformance/provider-pages.js';
import { ERROR_TEXTS } from '../src/web/error-texts.js';

const CATALOGUE = await loadProviders();
const readme = readFileSync('README.md', 'utf8');
const example = readFileSync('.env.example', 'utf8');

/** A setting as a document tells it. */
interface Told {
  readonly name: string;
  readonly otherwise: string;
  readonly meaning: string;
}

/** The part of the README under a heading, up to the next one of its level. */
function chapter(heading: string): string {
  const [, rest] = readme.split(`\n## ${heading}\n`);
  if (rest === undefined) throw new Error(`README.md has no chapter "${heading}".`);
  return rest.split('\n## ')[0] ?? '';
}

/** The cells of every table row in a text, without the rows of titles and rules. */
function rows(text: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('| `'));
  return lines.map((line) => line.slice(2, -2).split(' | '));
}

function toldInReadme(): Told[] {
  return rows(chapter('Settings')).map(([name = '', otherwise = '', meaning = '']) => ({
    name: name.replaceAll('`', ''),
    otherwise: otherwise === '–' ? '' : otherwise,
    meaning,
  }));
}

function toldInExample(): Told[] {
  return [...example.matchAll(/^# (.+)\. Default: (.+)\n#([A-Z_]+)=$/gm)].map(
    ([, meaning = '', otherwise = '', name = '']) => ({
      name,
      otherwise: otherwise === 'none' && !isCalledNone(name) ? '' : otherwise,
      meaning,
    }),
  );
}

function isCalledNone(name: string): boolean {
  return (SETTINGS as Record<string, { otherwise: string }>)[name]?.otherwise === 'none';
}

describe('the settings', () => {
  const known = Object.entries(SETTINGS).map(([name, { otherwise, meaning }]) => ({ name, otherwise, meaning }));
  const ofProvider = toldInReadme().filter(({ name }) => name.startsWith('<ID>_'));

  it('stand in the README as the code has them', () => {
    expect(toldInReadme().filter(({ name }) => !name.startsWith('<ID>_'))).toEqual(known);
  });

  it('stand in .env.example as the code has them', () => {
    expect(toldInExample().filter(({ name }) => !name.startsWith('GOOGLE_'))).toEqual(known);
  });

  it('of a provider are the same in both', () => {
    const forGoogle = ofProvider.map((told) => ({ ...told, name: told.name.replace('<ID>', 'GOOGLE') }));
    expect(toldInExample().filter(({ name }) => name.startsWith('GOOGLE_'))).toEqual(forGoogle);
  });

  it.each(ofProvider.map(({ name }) => name.replace('<ID>', 'GOOGLE')))('of a provider are read: %s', (name) => {
    const credentials = {
      SECRET_KEYS: `test:${randomBytes(32).toString('base64')}`,
      GOOGLE_CLIENT_ID: 'id',
      GOOGLE_CLIENT_SECRET: 'secret',
    };
    const others = { ALLOWED_EMAIL_DOMAINS: 'navy.example' };
    const read = (more: object) => loadConfig({ ...credentials, ...others, ...more }, []).provider(google);
    // An address is what most of them take; these have another form.
    const forms: Record<string, string> = {
      GOOGLE_SCOPES: 'openid email',
      GOOGLE_PROMPT: 'login',
      GOOGLE_PKCE: '0',
      GOOGLE_TRUST_EMAILS: '1',
      GOOGLE_HOSTED_DOMAIN: 'other.example',
      GOOGLE_REQUIRE_HOSTED_DOMAIN: '1',
    };
    const value = forms[name] ?? 'https://other.example';
    expect(read({ [name]: value })).not.toEqual(read({}));
  });

  it('in .env.example are all switched off, and it holds no key', () => {
    const lines = example.split('\n').filter((line) => line !== '');
    expect(lines.filter((line) => !line.startsWith('#'))).toEqual([]);
    expect(example).not.toMatch(/[A-Za-z0-9+/]{40,}/);
  });
});

describe('the error codes of the README', () => {
  const told = rows(chapter('Error codes')).flatMap(([codes = '', status = '']) => {
    const statuses = status.split(', ').map(Number);
    return codes.split(', ').map((code, index) => ({
      code: code.replaceAll('`', ''),
      status: statuses[index] ?? statuses[0],
    }));
  });

  it('are those a person can be told', () => {
    expect(told.map(({ code }) => code).sort()).toEqual(Object.keys(ERROR_TEXTS).sort());
  });

  it('have the status of the code', () => {
    const thrown = told.map(({ code }) => ({ code, status: statusOf(code) }));
    const known = thrown.filter(({ status }) => status !== undefined);
    expect(known.length).toBeGreaterThan(10);
    expect(told).toEqual(expect.arrayContaining(known));
  });

  function statusOf(code: string): number | undefined {
    return new OAuthError(code as OAuthErrorCode, 'begin', '').status;
  }
});

describe('the routes of the README', () => {
  it('are those of the controllers', () => {
    const told = rows(chapter('Routes')).map(([route = '']) => route.replaceAll('`', ''));
    expect(told.sort()).toEqual(routesInSource().sort());
  });

  /** The stand-in's are its own affair: its room card has them. */
  function routesInSource(): string[] {
    const files = readdirSync('src', { recursive: true, encoding: 'utf8' });
    const ours = files.filter((file) => /\.(controller|api)\.ts$/.test(file) && !file.startsWith('stand-in/'));
    const controllers = ours.flatMap((file) =>
      readFileSync(join('src', file), 'utf8')
        .split(/(?=@Controller\()/)
        .slice(1),
    );
    return controllers.flatMap((text) => {
      const room = pathIn(/@Controller\((.*)\)/.exec(text)?.[1]);
      return [...text.matchAll(/@(Get|Post|Put|Patch|Delete)\((.*)\)$/gm)].map(
        ([, method = '', inside]) => `${method.toUpperCase()} ${`${room}${pathIn(inside)}` || '/'}`,
      );
    });
  }

  function pathIn(argument = ''): string {
    if (argument === '') return '';
    return argument === 'id' ? '/<id>' : `/${argument.replaceAll("'", '')}`;
  }
});

describe('the code of the README', () => {
  const blocks = [...readme.matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code]) => code);

  const examples = readdirSync('examples').filter((name) => existsSync(join('examples', name, 'package.json')));

  it.each(examples.map((name) => join('examples', name, `${name}.ts`)))('has %s as it is', (file) => {
    expect(blocks).toContain(readFileSync(file, 'utf8'));
  });

  it('imports from Gatehouse only what Gatehouse exports', () => {
    const exported = ['src/gatehouse.ts', 'src/conformance/check-provider.ts'].map((file) => readFileSync(file, 'utf8')).join('\n'); // prettier-ignore
    const imports = blocks.map(
      (code) => /import \{([^}]*)\} from 'gatehouse(?:\/conformance)?'/.exec(code ?? '')?.[1] ?? '',
    );
    const names = imports.flatMap((list) => list.split(',').map((name) => name.trim().replace(/^type /, '')));
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(exported))).toEqual([]);
    expect(imports).not.toContain('');
  });

  it('names only files and pictures that exist', () => {
    const links = [...readme.matchAll(/\]\((?!https?:)([^)]+)\)/g)].map(([, target = '']) => target);
    const sources = [...readme.matchAll(/`((?:src|examples)\/[\w/.-]+\.ts)`/g)].map(([, file = '']) => file);
    expect([...links, ...sources].filter((file) => !existsSync(file))).toEqual([]);
  });
});

describe('the pages about the providers', () => {
  const pages = providerPages(CATALOGUE);

  it('are there for each of them, and for nobody else', () => {
    expect(readdirSync('docs/providers').sort()).toEqual(pages.map(({ name }) => name).sort());
  });

  it.each(pages.map(({ name, text }) => [name, text]))('say what the code does: %s', (name, text) => {
    expect(readFileSync(join('docs/providers', name), 'utf8')).toBe(text);
  });
});

/** Versions with a published advisory are below these. */
describe('the installed packages', () => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as { packages: Record<string, unknown> };

  it.each([
    ['passport', '0.6.0'],
    ['handlebars', '4.7.9'],
    ['express', '5.0.0'],
    ['typeorm', '1.1.1'],
    ['body-parser', '2.2.1'],
    ['qs', '6.14.2'],
  ])('have every copy of %s at %s or newer', (name, floor) => {
    const folders = Object.keys(lock.packages).filter((path) => path.endsWith(`node_modules/${name}`));
    const manifests = folders.map((folder) => join(folder, 'package.json')).filter((file) => existsSync(file));
    const found = manifests.map((file) => (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version);
    expect(found).not.toEqual([]);
    expect(found.filter((version) => version.localeCompare(floor, 'en', { numeric: true }) < 0)).toEqual([]);
  });
});
