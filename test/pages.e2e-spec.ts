import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import request from 'supertest';
import { startApp, type TestApp } from './support/app.js';
import { createDatabase, type TestDatabase } from './support/database.js';

let database: TestDatabase;
let app: TestApp;

beforeAll(async () => {
  database = await createDatabase();
  app = await startApp(database.url);
});

afterAll(async () => {
  await app.close();
  await database.drop();
  expect(app.log.filter((line) => line.includes('"code":"internal"'))).toEqual([]);
});

describe('every answer', () => {
  it.each([
    ['/', 200],
    ['/login', 200],
    ['/logout', 200],
    ['/google', 303],
    ['/google/authorized', 400],
    ['/nowhere', 404],
    ['/nowhere/authorized', 404],
    ['/%ff', 404],
    ['/api/me', 401],
    ['/api/providers', 200],
    ['/api/nowhere', 404],
    ['/health/live', 200],
    ['/health/ready', 200],
    ['/assets/styles.css', 200],
    ['/assets/nowhere.css', 404],
    ['/assets/..%2fpackage.json', 404],
    ['/.env', 404],
    ['/views/home.hbs', 404],
  ])('has the whole set of headers: %s is %i', async (path, status) => {
    const response = await request(app.url).get(path).set('accept', 'text/html');
    expect(response.status).toBe(status);
    const policy = response.headers['content-security-policy'];
    expect(policy).toContain("default-src 'none'");
    expect(policy).toContain("frame-ancestors 'none'");
    expect(policy).not.toContain('unsafe');
    expect(response.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'same-origin',
      'x-frame-options': 'DENY',
      'cross-origin-opener-policy': 'same-origin',
      'x-request-id': expect.stringMatching(/^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$/),
    });
    expect(response.headers).not.toHaveProperty('x-powered-by');
    expect(response.headers).not.toHaveProperty('access-control-allow-origin');
    expect(response.headers).not.toHaveProperty('strict-transport-security');
    if (!path.startsWith('/assets/styles')) expect(response.headers['cache-control']).toBe('no-store');
  });
});

describe('a static file', () => {
  it.each<[number, Record<string, string>]>([
    [206, { range: 'bytes=0-3' }],
    [416, { range: 'bytes=9999999-' }],
    [416, { range: 'bytes=-0' }],
    [412, { 'if-match': '"other"' }],
    [412, { 'if-unmodified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }],
  ])('answers %i to %j, and no cache keeps an error', async (status, headers) => {
    const response = await request(app.url).get('/assets/styles.css').set(headers).set('accept', 'application/json');
    expect(response.status).toBe(status);
    if (status < 400) return;
    expect(response.body).toMatchObject({ status, code: 'validation_failed' });
    expect(response.headers['cache-control']).toBe('no-store');
    if (status === 416) expect(response.headers['content-range']).toMatch(/^bytes \*\/\d+$/);
  });
});

describe('an error', () => {
  it('is a page for a browser, with code and reference', async () => {
    const response = await request(app.url).get('/nowhere').set('accept', 'text/html');
    expect(response.type).toBe('text/html');
    expect(response.text).toContain('<code>not_found</code>');
    expect(response.text).toContain(`<code>${response.headers['x-request-id']}</code>`);
    expect(response.text).not.toContain('nowhere');
  });

  it('is problem+json under /api and for whoever takes JSON only', async () => {
    for (const response of [
      await request(app.url).get('/api/nowhere').set('accept', 'text/html'),
      await request(app.url).get('/nowhere').set('accept', 'application/json'),
    ]) {
      expect(response.type).toBe('application/problem+json');
      expect(JSON.parse(response.text)).toMatchObject({
        type: expect.any(String),
        title: expect.any(String),
        status: 404,
        code: 'not_found',
        reference: response.headers['x-request-id'],
        detail: expect.any(String),
      });
    }
  });

  it.each([
    ['PUT', '/api/me', 405, 'method_not_allowed'],
    ['DELETE', '/logout', 405, 'method_not_allowed'],
    ['HEAD', '/google', 405, ''],
    ['HEAD', '/google/authorized', 405, ''],
    ['POST', '/google/authorized', 405, 'method_not_allowed'],
    ['PATCH', '/health/live', 405, 'method_not_allowed'],
    ['POST', '/nowhere', 404, 'not_found'],
  ])('%s %s is %i %s', async (method, path, status, code) => {
    const response = await fetch(new URL(path, app.url), { method, headers: { accept: 'application/json' } });
    expect(response.status).toBe(status);
    if (status === 405) expect(response.headers.get('allow')).toMatch(/GET/);
    if (method !== 'HEAD') expect(await response.json()).toMatchObject({ code });
  });

  it.each([
    ['/logout', 'application/json', '{}', 415, 'unsupported_media_type'],
    ['/logout', 'multipart/form-data; boundary=x', '--x--', 415, 'unsupported_media_type'],
    ['/api/me', 'application/x-www-form-urlencoded', 'a=1', 415, 'unsupported_media_type'],
    ['/api/me', 'application/json', '{bad', 400, 'validation_failed'],
    ['/api/me', 'application/json', `{"a":"${'x'.repeat(70_000)}"}`, 413, 'payload_too_large'],
    ['/google', 'application/x-www-form-urlencoded', `a=${'x'.repeat(70_000)}`, 413, 'payload_too_large'],
  ])('a body to %s of %s is %i %s', async (path, type, body, status, code) => {
    const response = await request(app.url).post(path).set({ 'content-type': type, accept: 'application/json' }).send(body); // prettier-ignore
    expect([response.status, JSON.parse(response.text).code]).toEqual([status, code]);
  });
});

describe('GET /login', () => {
  it('carries a path of ours to the provider', async () => {
    const response = await request(app.url).get('/login?returnTo=/somewhere%3Fa=1');
    expect(response.text).toContain('href="/google?returnTo&#x3D;%2Fsomewhere%3Fa%3D1"');
  });

  it.each(['//evil.example', '/\\evil.example', 'https://evil.example/'])('drops %s', async (returnTo) => {
    const response = await request(app.url).get('/login').query({ returnTo });
    expect(response.text).not.toContain('evil');
  });
});

describe('GET /api/me', () => {
  it('sends a person who asks for a closed page to the chooser, and a script an error', async () => {
    const response = await request(app.url).get('/api/me').set('accept', 'text/html');
    expect([response.status, JSON.parse(response.text).code]).toEqual([401, 'not_signed_in']);
  });

  it.each([
    '<session>=x',
    '<session>=%',
    '<session>=a; <session>=b',
    `<session>=${'x'.repeat(5000)}`,
    ';;;=;',
    '\u00ff=1',
  ])('takes the cookie header %p as nobody', async (cookie) => {
    const sent = cookie.replaceAll('<session>', `gatehouse-${new URL(app.url).port}`);
    const response = await fetch(new URL('/api/me', app.url), { headers: { cookie: sent } });
    expect(response.status).toBe(401);
  });
});

describe('a proxy nobody trusts', () => {
  it('cannot change an address of ours', async () => {
    const response = await request(app.url)
      .get('/google?redirected=1')
      .set({ 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https', host: 'evil.example' });
    expect(response.headers.location).toContain(encodeURIComponent(`${app.url}/google/authorized`));
    expect(response.headers.location).not.toContain('evil');
  });
});
