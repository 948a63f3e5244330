import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { checkProvider } from '../src/conformance/check-provider.js';
import { defineProvider, type OAuthProvider, type ProviderQuirks } from '../src/oauth/provider.js';
import { dingtalk } from '../src/providers/dingtalk.js';
import { mailchimp } from '../src/providers/mailchimp.js';
import { stackexchange } from '../src/providers/stackexchange.js';
import { vk } from '../src/providers/vk.js';
import { wechat } from '../src/providers/wechat.js';
import { weibo } from '../src/providers/weibo.js';
import { withings } from '../src/providers/withings.js';
import { createDatabase, type TestDatabase } from './support/database.js';

/** Signs users in some hundred times. */
const ONE_PROVIDER_LIMIT_MS = 180_000;

let database: TestDatabase;

beforeAll(async () => {
  database = await createDatabase();
});

afterAll(async () => database.drop());

/** The provider with other quirks; undefined removes one. */
function withQuirks<Claims>(provider: OAuthProvider<Claims>, quirks: Partial<ProviderQuirks>): OAuthProvider {
  return defineProvider({ ...provider, quirks: { ...provider.quirks, ...quirks } });
}

function without<Claims>(provider: OAuthProvider<Claims>, member: keyof OAuthProvider): OAuthProvider {
  return defineProvider({ ...provider, [member]: undefined });
}

/** A provider of the catalogue whose file lacks one departure from RFC 6749, and the check that finds it. */
const MISTAKES: readonly (readonly [what: string, provider: OAuthProvider, check: string])[] = [
  ['no device_id with a code', withQuirks(vk, { exchangeParameters: { state: '{state}' } }), 'sign-in.requests'],
  ['no device_id with a refresh', withQuirks(vk, { refreshParameters: { state: '{state}' } }), 'refresh.request'],
  ['a device_id that is not kept', withQuirks(vk, { keptDetails: ['state'] }), 'refresh.request'],
  ['the secret under the standard name', without(vk, 'tokenRequest'), 'sign-in.requests'],
  ['userinfo without the uid', withQuirks(weibo, { userinfo: {} }), 'sign-in.requests'],
  ['another word before the token', withQuirks(weibo, { tokenHeaders: undefined }), 'sign-in.requests'],
  ['a form where the query is documented', withQuirks(wechat, { tokenRequestFormat: undefined }), 'sign-in.requests'],
  ['the token in a header too', withQuirks(wechat, { tokenHeaders: undefined }), 'sign-in.requests'],
  ['another name of the code', withQuirks(dingtalk, { codeParameter: undefined }), 'sign-in.requests'],
  ['a token response that is not translated', without(dingtalk, 'tokenResponse'), 'sign-in.requests'],
  ['a token request without its action', withQuirks(withings, { exchangeParameters: {} }), 'sign-in.requests'],
  ['a wrapped response that is not opened', without(withings, 'tokenResponse'), 'sign-in.requests'],
  ['a lifetime of 0 taken for the end', without(mailchimp, 'tokenResponse'), 'token.lifetime'],
  ['an error with status 200 taken for claims', without(wechat, 'userinfoError'), 'sign-in.variants'],
  ['a dead token that is not recognised', without(wechat, 'userinfoError'), 'userinfo.dead-token'],
  ['a compressed response not asked for', withQuirks(stackexchange, { headers: {} }), 'sign-in.requests'],
];

describe('a file that lacks what its provider documents', () => {
  it.each(MISTAKES)(
    'fails: %s',
    async (_what, provider, check) => {
      const fixture: unknown = JSON.parse(readFileSync(`fixtures/${provider.id}.json`, 'utf8'));
      const { checks } = await checkProvider(provider, fixture, { databaseUrl: database.url });
      expect(checks.filter(({ reason }) => reason !== undefined).map(({ id }) => id)).toContain(check);
    },
    ONE_PROVIDER_LIMIT_MS,
  );
});
