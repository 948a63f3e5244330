import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import Handlebars from 'handlebars';
import { viewEngine } from './view-engine.js';

const NASTY = `<b title="x">&'</b>`;
const NASTY_ESCAPED = '&lt;b title&#x3D;&quot;x&quot;&gt;&amp;&#x27;&lt;/b&gt;';

describe('viewEngine', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'views-'));
    write('layouts/main.hbs', 'main({{{body}}})');
    write('layouts/stand-in.hbs', 'stand-in({{{body}}})');
  });

  afterEach(() => rmSync(folder, { recursive: true }));

  function write(file: string, template: string): void {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), template);
  }

  async function render(view: string, model: object = {}, engine = viewEngine(folder, { cache: false })) {
    return new Promise<string>((resolve, reject) => {
      engine(join(folder, view), model, (error, html) => {
        if (error instanceof Error) reject(error);
        else resolve(html ?? '');
      });
    });
  }

  describe('escapes what it prints', () => {
    it('in text', async () => {
      write('page.hbs', '<p>{{value}}</p>');
      expect(await render('page.hbs', { value: NASTY })).toBe(`main(<p>${NASTY_ESCAPED}</p>)`);
    });

    it('in a quoted attribute', async () => {
      write('page.hbs', '<p title="{{value}}">');
      expect(await render('page.hbs', { value: NASTY })).toBe(`main(<p title="${NASTY_ESCAPED}">)`);
    });

    it('in the layout', async () => {
      write('layouts/main.hbs', '<title>{{value}}</title>{{{body}}}');
      write('page.hbs', 'page');
      expect(await render('page.hbs', { value: NASTY })).toBe(`<title>${NASTY_ESCAPED}</title>page`);
    });

    it('in a partial', async () => {
      write('partials/part.hbs', '{{value}}');
      write('page.hbs', '{{> part}}');
      expect(await render('page.hbs', { value: NASTY })).toBe(`main(${NASTY_ESCAPED})`);
    });

    it('behind the initial of a label', async () => {
      write('page.hbs', '{{initial label}}');
      expect(await render('page.hbs', { label: NASTY })).toBe('main(&lt;)');
    });

    it('keeps the lines of a value as they are, however deep the partial stands', async () => {
      write('partials/part.hbs', '{{value}}\n');
      write('page.hbs', 'a\n    {{> part}}\n');
      expect(await render('page.hbs', { value: 'one\ntwo' })).toBe('main(a\n    one\ntwo\n)');
    });
  });

  describe('the initial of a label', () => {
    it.each([
      ['Google', 'G'],
      ['ökonomie', 'Ö'],
      ['𝒜cme', '𝒜'],
      ['', ''],
    ])('%j is %j', async (label, initial) => {
      write('page.hbs', '{{initial label}}');
      expect(await render('page.hbs', { label })).toBe(`main(${initial})`);
    });
  });

  describe('prints own properties only', () => {
    it.each([
      '{{constructor}}',
      '{{toString}}',
      '{{__proto__}}',
      '{{__defineGetter__}}',
      '{{inherited}}',
      '{{inner.constructor}}',
      '{{inner.inherited}}',
      '{{lookup inner "constructor"}}',
      '{{#with inner}}{{constructor}}{{/with}}',
    ])('%s prints nothing', async (template) => {
      class Model {
        get inherited(): string {
          return typeof this;
        }
      }
      write('page.hbs', template);
      expect(await render('page.hbs', Object.assign(new Model(), { inner: new Model() }))).toBe('main()');
    });
  });

  describe('looks things up in the model and obeys nothing in it', () => {
    it.each([
      ['layout', 'layouts/stand-in'],
      ['layout', '../../package.json'],
      ['layout', false],
      ['settings', { views: '/etc', 'view cache': true, 'view engine': 'json', layout: 'layouts/stand-in' }],
      ['cache', true],
      ['partials', { part: 'taken over' }],
      ['helpers', { initial: () => 'taken over' }],
      ['data', { root: { value: 'taken over' } }],
      ['compileOptions', { noEscape: true }],
      ['noEscape', true],
      ['allowProtoPropertiesByDefault', true],
      ['_locals', { layout: false, value: 'taken over' }],
      ['body', 'taken over'],
      ['initial', () => 'taken over'],
    ])('`%s` as %j changes nothing', async (key, hostile) => {
      write('partials/part.hbs', 'part');
      write('page.hbs', '{{value}} {{initial value}} {{> part}} {{constructor}}');
      const model = { value: NASTY, [key]: hostile };
      expect(await render('page.hbs', model)).toBe(`main(${NASTY_ESCAPED} &lt; part )`);
    });

    it('leaves the model as it was', async () => {
      write('page.hbs', 'page');
      const model = Object.freeze({ value: 1 });
      await render('page.hbs', model);
      expect(model).toEqual({ value: 1 });
    });

    it('never compiles a value', async () => {
      write('page.hbs', '{{value}}');
      expect(await render('page.hbs', { value: '{{7}} {{> part}}' })).toBe('main({{7}} {{&gt; part}})');
    });

    it('shares no helpers and no partials with other users of Handlebars in this process', async () => {
      Handlebars.registerPartial('foreign', 'foreign');
      write('page.hbs', '{{> foreign}}');
      try {
        await expect(render('page.hbs')).rejects.toThrow('foreign');
      } finally {
        Handlebars.unregisterPartial('foreign');
      }
    });
  });

  describe('the layout', () => {
    it.each([
      ['page.hbs', 'main(page)'],
      ['admin/page.hbs', 'main(page)'],
      ['stand-in-like/page.hbs', 'main(page)'],
      ['admin/stand-in/page.hbs', 'main(page)'],
      ['stand-in/page.hbs', 'stand-in(page)'],
    ])('of %s is chosen by its folder: %s', async (view, html) => {
      write(view, 'page');
      expect(await render(view)).toBe(html);
    });
  });

  describe('without cache', () => {
    it('shows an edit of view, partial and layout at the next page', async () => {
      const engine = viewEngine(folder, { cache: false });
      write('partials/part.hbs', 'old');
      write('page.hbs', 'old {{> part}}');
      await render('page.hbs', {}, engine);
      write('partials/part.hbs', 'new');
      write('page.hbs', 'new {{> part}}');
      write('layouts/main.hbs', 'new({{{body}}})');
      expect(await render('page.hbs', {}, engine)).toBe('new(new new)');
    });
  });

  describe('with cache', () => {
    it('reads every template at the start and none later', async () => {
      write('partials/part.hbs', 'old');
      write('page.hbs', 'old {{> part}}');
      const engine = viewEngine(folder, { cache: true });
      write('partials/part.hbs', 'new');
      write('page.hbs', 'new {{> part}}');
      expect(await render('page.hbs', {}, engine)).toBe('main(old old)');
      expect(await render('page.hbs', {}, engine)).toBe('main(old old)');
    });

    it('does not start without its folder', () => {
      expect(() => viewEngine(join(folder, 'nowhere'), { cache: true })).toThrow('ENOENT');
    });
  });

  describe('hands over an error', () => {
    it.each([true, false])('for a missing view (cache: %s)', async (cache) => {
      await expect(render('nothing.hbs', {}, viewEngine(folder, { cache }))).rejects.toThrow(
        'There is no view "nothing.hbs".',
      );
    });

    it('for a missing layout', async () => {
      rmSync(join(folder, 'layouts/main.hbs'));
      write('page.hbs', 'page');
      await expect(render('page.hbs')).rejects.toThrow('There is no layout "layouts/main.hbs".');
    });

    it.each([
      ['a file outside the folder', '../page.hbs', ''],
      ['a partial asked for as a view', 'partials/part.hbs', ''],
      ['a file that is no template', 'page.json', '{}'],
    ])('for %s', async (_case, view, content) => {
      write('partials/part.hbs', 'part');
      if (content) write(view, content);
      await expect(render(view)).rejects.toThrow('There is no view');
    });

    it.each([
      ['a broken template', '{{#if value}}'],
      ['a missing partial', '{{> nothing}}'],
      ['an unknown helper', '{{shout value}}'],
      ['a name the model does not have', '{{valeu}}'],
    ])('for %s', async (_case, template) => {
      write('page.hbs', template);
      await expect(render('page.hbs', { value: 'x' })).rejects.toThrow();
    });

    it('once, even when whoever receives the page throws', () => {
      write('page.hbs', 'page');
      let calls = 0;
      const done = (): void => {
        calls += 1;
        throw new Error('the connection is gone');
      };
      expect(() => viewEngine(folder, { cache: false })(join(folder, 'page.hbs'), {}, done)).toThrow(
        'the connection is gone',
      );
      expect(calls).toBe(1);
    });
  });
});

describe('every page', () => {
  const views = join(import.meta.dirname, '../../views');
  const google = { id: 'google', label: 'Google', signInUrl: '/google', mark: 'M0 0h24', available: true };
  const doors = { providers: [google], many: false, standIn: false };
  const user = { name: 'Ada', email: 'ada@example.com', emailVerified: true, initials: 'A', role: 'member' };
  const signedInAt = { iso: '2026-11-23T09:41:00Z', text: '23 November 2026, 09:41 UTC' };
  const signedIn = { title: 'Home', user, signedInAt };
  const live = { endpoint: 'https://provider.example/userinfo', claims: [{ key: 'sub', value: '1' }] };
  const problem = { title: 'Oh', heading: 'Oh', sentence: 'It broke.', code: 'internal', reference: 'r-1' };
  const consent = { title: 'Stand-in', clientName: 'Gatehouse', request: 'r', action: '/stand-in/authorize' };

  const engine = viewEngine(views, { cache: true });
  function page(view: string, model: object): string {
    let page = '';
    engine(join(views, `${view}.hbs`), model, (error, html) => {
      if (error instanceof Error) throw error;
      page = html ?? '';
    });
    return page;
  }

  it.each<[string, string, object, string]>([
    ['home', 'signed out', { title: 'Home', ...doors, standIn: true }, '>Sign in with Google</span>'],
    ['home', 'without a provider', { title: 'Home', ...doors, providers: [] }, 'No way to sign in is set up yet'],
    ['home', 'signed in', { ...signedIn, provider: google, live }, '<dt>sub:</dt> <dd><bdi>1</bdi></dd>'],
    ['home', 'unverified', { ...signedIn, user: { ...user, emailVerified: false }, provider: google }, 'not verified'],
    ['home', 'without an email', { ...signedIn, user: { ...user, email: null } }, 'We do not know your email address'],
    ['home', 'provider not asked', { ...signedIn, liveProblem: { sentence: 'It is gone.' } }, 'It is gone.'],
    [
      'home',
      'to be reconnected',
      { ...signedIn, provider: google, liveProblem: { sentence: 'It is gone.', reconnectUrl: '/google?link=1' } },
      'href="/google?link&#x3D;1">Connect again</a>',
    ],
    ['login', 'chooser', { title: 'Sign in', ...doors }, '>Sign in with Google</span>'],
    ['login', 'with many providers', { title: 'Sign in', ...doors, many: true }, '>Sign in with</span> Google</span>'],
    ['login', 'with a mark', { title: 'Sign in', ...doors }, '<path d="M0 0h24"/>'],
    [
      'login',
      'without a mark',
      { title: 'Sign in', ...doors, providers: [{ ...google, mark: undefined }] },
      '<span class="door-mark" data-initial="G"></span>',
    ],
    [
      'login',
      'a provider that is down',
      { title: 'Sign in', ...doors, providers: [{ ...google, available: false }] },
      'Sign in with Google <span class="door-note">not available right now</span>',
    ],
    [
      'confirm-sign-in',
      'sent by another site',
      { title: 'Sign in', provider: google, action: '/google', returnTo: '/account' },
      '<input type="hidden" name="returnTo" value="/account">',
    ],
    ['logout', 'signed in', { title: 'Sign out', signedIn: true }, '<form method="post" action="/logout">'],
    ['logout', 'signed out', { title: 'Sign out', signedIn: false }, 'You are signed out'],
    ['error', 'with nothing optional', problem, '<code>r-1</code>'],
    ['error', 'with a way on', { ...problem, actions: [{ label: 'Home', href: '/' }] }, 'href="/">Home</a>'],
    ['stand-in/consent', 'nobody to choose', consent, 'This is not Google.'],
    [
      'stand-in/consent',
      'somebody without an email',
      { ...consent, people: [{ subject: '7', name: 'Ada', note: 'No email.', initials: 'A' }] },
      'name="subject" value="7"',
    ],
  ])('%s (%s) has a title, one heading and what it is for', (view, _case, model, content) => {
    const html = page(view, model);
    expect(html).toMatch(/<title>[^<]+<\/title>/);
    expect(html.split('<h1')).toHaveLength(2);
    expect(html).toContain(content);
  });
});

/**
 * What a template must not do, though Handlebars would let it: escaping protects text and quoted attributes only
 * (ASVS 1.2.1, 1.2.3), and the content security policy refuses inline script and style.
 */
function faultsOf(file: string, template: string): string[] {
  const source = template.replace(/\{\{!--[\s\S]*?--\}\}/g, '').replace(/\{\{![\s\S]*?\}\}/g, '');
  const faults: string[] = [];

  const withoutBody = file.startsWith('layouts/') ? source.replace('{{{body}}}', '') : source;
  if (/\{\{~?\{/.test(withoutBody)) faults.push('unescaped {{{');
  if (/\{\{~?\s*&/.test(withoutBody)) faults.push('unescaped {{&');

  for (const [tag] of source.matchAll(/<\/?[a-z](?:"[^"]*"|'[^']*'|[^'">])*>/gi)) {
    const unquoted = tag.replace(/"[^"]*"|'[^']*'/g, '""');
    if (/\{\{(?!~?\s*(?:#|\/|else\b))/.test(unquoted)) faults.push('a value outside quotes');
    if (/\sstyle\s*=/i.test(unquoted)) faults.push('a style attribute');
    if (/\son[a-z]+\s*=/i.test(unquoted)) faults.push('an event handler');
    if (/\ssrcdoc\s*=/i.test(unquoted)) faults.push('a srcdoc attribute');
  }
  if (/<script/i.test(source)) faults.push('a script');
  if (/<style/i.test(source)) faults.push('a style element');
  if (/javascript:/i.test(source)) faults.push('a script address');
  return faults;
}

describe('every template in views/', () => {
  const folder = join(import.meta.dirname, '../../views');
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.hbs'))
    .map((file) => file.replaceAll('\\', '/'));

  it.each(files)('%s prints values only where escaping protects them, and has no inline script or style', (file) => {
    expect(faultsOf(file, readFileSync(join(folder, file), 'utf8'))).toEqual([]);
  });

  it.each(files)('%s compiles', (file) => {
    expect(() => Handlebars.precompile(readFileSync(join(folder, file), 'utf8'))).not.toThrow();
  });

  it.each(files.filter((file) => file.startsWith('layouts/')))('%s has exactly one place for the page', (file) => {
    expect(readFileSync(join(folder, file), 'utf8').split('{{{body}}}')).toHaveLength(2);
  });

  it.each([
    ['{{{value}}}', 'unescaped {{{'],
    ['{{{body}}}', 'unescaped {{{'],
    ['{{~{value}~}}', 'unescaped {{{'],
    ['{{&value}}', 'unescaped {{&'],
    ['{{~ & value}}', 'unescaped {{&'],
    ['<a href={{value}}>', 'a value outside quotes'],
    ['<a href = {{value}}>', 'a value outside quotes'],
    ['<a title=">" href={{value}}>', 'a value outside quotes'],
    ['<a {{value}}>', 'a value outside quotes'],
    ['<a {{#if value}}{{value}}{{/if}}>', 'a value outside quotes'],
    ['<p style="color: red">', 'a style attribute'],
    ['<p\nSTYLE = "{{value}}">', 'a style attribute'],
    ['<p onclick="go()">', 'an event handler'],
    ['<svg><path OnLoad=go()></svg>', 'an event handler'],
    ['<iframe srcdoc="{{value}}">', 'a srcdoc attribute'],
    ['<SCRIPT>go()</SCRIPT>', 'a script'],
    ['<style>p {}</style>', 'a style element'],
    ['<a href="javascript:go()">', 'a script address'],
  ])('would be caught with %j', (template, fault) => {
    expect(faultsOf('page.hbs', template)).toContain(fault);
  });

  it.each(['<p>on = {{value}}</p>', '<input value="{{value}}"{{#if value}} checked{{/if}}>', '{{!-- {{{value}}} --}}'])(
    'may contain %j',
    (template) => {
      expect(faultsOf('page.hbs', template)).toEqual([]);
    },
  );
});
