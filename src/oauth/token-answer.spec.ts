import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { ConfiguredProvider } from './provider.registry.js';
import { readTokenAnswer } from './token-answer.js';

const ASKED = ['openid', 'email'];
const TEXT = /^[\x21-\x7e]+$/;

function read(answer: Readonly<Record<string, unknown>>, quirks = {}, status = 200) {
  const provider = { provider: { quirks } } as unknown as ConfiguredProvider;
  const requested = { sentAtMs: 0, askedScopes: ASKED, details: {} };
  return readTokenAnswer(provider, { status, text: JSON.stringify(answer) }, requested);
}

const token = fc.string({ minLength: 1, maxLength: 20_000, unit: 'grapheme-ascii' }).filter((text) => TEXT.test(text));
const absent = fc.constantFrom(undefined, null, '', ' ', '\t\n', false);
const isAbsent = (value: unknown) => !value || (typeof value === 'string' && value.trim() === '');
const cased = fc.constantFrom('bearer', 'Bearer', 'BEARER', 'bEaReR', 'Bearer ', ' bearer');
const lifetime = fc.oneof(
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.integer().map(String),
  fc.nat().map((seconds) => `${seconds}.5`),
  fc.nat().map((seconds) => ` ${seconds} `),
);
const granted = fc.constantFrom('openid', 'openid email', ['openid', 'email'], ['openid', null, ''], []);

/** Every token response that works, whatever its provider makes of the members that do not matter. */
const working = fc
  .record({
    access_token: token,
    token_type: fc.oneof(absent, cased),
    expires_in: fc.oneof(absent, lifetime),
    refresh_token: fc.oneof(absent, token),
    id_token: fc.oneof(absent, token),
    scope: fc.oneof(granted, absent),
  })
  .chain((known) =>
    fc
      .tuple(fc.dictionary(fc.string(), fc.jsonValue()), absent)
      .map(([unknown, error]) => ({ ...unknown, error, ...known })),
  );

describe('readTokenAnswer', () => {
  it('accepts every token response that works, and reads what is there', () => {
    fc.assert(
      fc.property(working, (answer) => {
        const { accessToken, refreshToken, idToken, expiresAt, scopes } = read(answer);
        expect(accessToken).toBe(answer.access_token);
        expect(refreshToken).toBe(isAbsent(answer.refresh_token) ? undefined : answer.refresh_token);
        expect(idToken).toBe(isAbsent(answer.id_token) ? undefined : answer.id_token);
        const isUnlimited = typeof answer.expires_in !== 'number' && isAbsent(answer.expires_in);
        expect(expiresAt === undefined).toBe(isUnlimited);
        expect(Number.isNaN(expiresAt?.getTime())).toBe(false);
        const listed = Array.isArray(answer.scope) ? answer.scope.filter(Boolean) : String(answer.scope).split(' ');
        expect(scopes).toEqual(isAbsent(answer.scope) ? ASKED : listed);
      }),
    );
  });

  it.each([
    ['an access token of 64 kB', { access_token: 'x'.repeat(64 * 1024) }],
    ['a lifetime before now', { access_token: 'x', expires_in: -1 }],
    ['an id_token of another type', { access_token: 'x', id_token: {} }],
  ])('accepts %s', (_what, answer) => {
    expect(read(answer).accessToken).toBe(answer.access_token);
  });

  it.each([200, 201, 203, 299])('accepts the status %i', (status) => {
    expect(read({ access_token: 'x' }, {}, status).accessToken).toBe('x');
  });

  it.each([199, 302, 304, 400, 404])('refuses the status %i', (status) => {
    expect(() => read({ access_token: 'x' }, {}, status)).toThrow(`answered ${status} without a reason`);
  });

  it.each<[string, Record<string, unknown>, string]>([
    ['no access token', {}, 'access_token'],
    ['an empty access token', { access_token: '' }, 'access_token'],
    ['an access token with a line break', { access_token: 'a\nb' }, 'access_token'],
    ['an access token of more than 64 kB', { access_token: 'x'.repeat(64 * 1024 + 1) }, 'access_token'],
    ['the type mac', { access_token: 'x', token_type: 'mac' }, 'token_type'],
    ['the type DPoP', { access_token: 'x', token_type: 'DPoP' }, 'token_type'],
    ['the type N_A', { access_token: 'x', token_type: 'N_A' }, 'token_type'],
    ['a lifetime in words', { access_token: 'x', expires_in: 'an hour' }, 'expires_in'],
    ['a scope that is an object', { access_token: 'x', scope: {} }, 'scope'],
  ])('refuses %s', (_what, answer, field) => {
    expect(() => read(answer)).toThrow(`unusable token answer: ${field}`);
  });

  it.each([
    [{ error: 'temporarily_unavailable' }, 'refused with temporarily_unavailable'],
    [{ error: 'login_required' }, 'refused with login_required'],
    [{ error: '<b>made-up</b>' }, 'refused with another error and status 200'],
  ])('names the error of %j from a closed list', (answer, message) => {
    expect(() => read(answer)).toThrow(message);
  });
});

describe('a token response in a shape of the provider’s own', () => {
  const translated = (answer: Readonly<Record<string, unknown>>, members: object) => {
    const provider = { provider: members } as unknown as ConfiguredProvider;
    const requested = { sentAtMs: 0, askedScopes: ASKED, details: { device_id: 'device' } };
    return readTokenAnswer(provider, { status: 200, text: JSON.stringify(answer) }, requested);
  };

  it('is read under the names of RFC 6749', () => {
    const tokenResponse = ({ body }: Record<string, unknown>) => ({ ...(body as object) });
    const answer = { status: 0, body: { access_token: 'at', expires_in: 60, userid: '7' } };
    expect(translated(answer, { tokenResponse })).toMatchObject({
      accessToken: 'at',
      expiresAt: new Date(60_000),
      raw: { userid: '7' },
    });
  });

  it('never expires where the provider’s file says that 0 means so', () => {
    const answer = { access_token: 'at', expires_in: 0 };
    const tokenResponse = ({ access_token }: Record<string, unknown>) => ({ access_token });
    expect(translated(answer, { tokenResponse }).expiresAt).toBeUndefined();
    expect(translated(answer, {}).expiresAt).toEqual(new Date(0));
  });

  it('is an error where the translation has one, also with status 200', () => {
    const tokenResponse = ({ status }: Record<string, unknown>) => ({
      error: status === 503 ? 'invalid_grant' : undefined,
    });
    expect(() => translated({ status: 503 }, { tokenResponse })).toThrow('invalid_grant');
  });

  it('keeps details of the callback and of the response', () => {
    const quirks = { keptDetails: ['device_id', 'uid', 'number'] };
    expect(translated({ access_token: 'at', uid: '7', number: 7 }, { quirks }).details).toEqual({
      device_id: 'device',
      uid: '7',
    });
  });
});
