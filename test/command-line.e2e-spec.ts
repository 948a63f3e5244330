import { afterAll, describe, expect, it } from '@jest/globals';
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { Browser } from './support/browser.js';
import { startProgram } from './support/command-line.js';
import { makeDataFolder, startProcess } from './support/process.js';
import { commandsNaming } from './support/system-processes.js';

const ADA = { subject: '100000000000000000001' };
const START_LIMIT_MS = 120_000;

const key = (id: string) => `${id}:${randomBytes(32).toString('base64')}`;

const run = (program: string[], environment: Record<string, string>) => startProgram(program, environment).ended;

const cli = (command: string) => [process.execPath, join(process.cwd(), 'scripts/cli.js'), command];

describe('a command without DATABASE_URL', () => {
  const folder = makeDataFolder();
  const old = key('old');
  const keys = { DATA_DIR: folder, SECRET_KEYS: `${key('new')},${old}` };

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function signIn(url: string): Promise<Browser> {
    const browser = new Browser(url);
    const callback = new URL(await browser.consent(await browser.begin(), ADA));
    await browser.get(callback.pathname + callback.search);
    return browser;
  }

  it(
    'joins the Postgres of a Gatehouse that serves, and leaves it running',
    async () => {
      const gatehouse = await startProcess({
        DATA_DIR: folder,
        SECRET_KEYS: `${old},${keys.SECRET_KEYS.split(',')[0]}`,
      });
      const ada = await signIn(gatehouse.url);
      const { id } = await ada.me();
      const server = commandsNaming(folder);
      expect(server).not.toEqual([]);

      const before = await run(cli('keys:status'), keys);
      expect(before).toMatchObject({ code: 0, stderr: '' });
      expect(before.stdout).toMatch(/^old +opens +1 +0$/m);
      const rotation = await run(cli('keys:rotate'), keys);
      expect(rotation.code).toBe(0);
      expect(rotation.stdout).toMatch(/^Sealed 1 row with new in \S+ s \([\d,]+ rows? per second\)\.\n$/);
      const after = await run(cli('keys:status'), keys);
      expect(after.code).toBe(0);
      expect(after.stdout).toMatch(/^new +seals +1 +0$/m);
      expect(after.stdout).toContain('Key old is used by nothing');

      expect(commandsNaming(folder)).toEqual(server);
      expect((await ada.me()).id).toBe(id);
      expect((await (await signIn(gatehouse.url)).me()).id).toBe(id);
      expect(await gatehouse.stop()).toBe(0);
      expect(commandsNaming(folder)).toEqual([]);
    },
    START_LIMIT_MS,
  );

  it(
    'starts it where none runs, and leaves no process behind',
    async () => {
      expect((await run(cli('migrate'), keys)).code).toBe(0);
      expect(commandsNaming(folder)).toEqual([]);
      const status = await run(cli('keys:status'), keys);
      expect(status).toMatchObject({ code: 0, stderr: '' });
      expect(status.stdout).toMatch(/^new +seals +/m);
      expect(commandsNaming(folder)).toEqual([]);
      expect((await run(cli('keys:rotate'), keys)).code).toBe(0);
      expect(commandsNaming(folder)).toEqual([]);
    },
    START_LIMIT_MS,
  );
});
