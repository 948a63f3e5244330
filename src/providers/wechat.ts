import { z } from 'zod';
import { newestSubject, optionalSubject, text } from '../oauth/claims.js';
import { defineProvider } from '../oauth/provider.js';

/** An access token that is invalid (40001, 40014) or has expired (42001); the HTTP status is 200, as of every error. */
const DEAD_TOKEN: ReadonlySet<unknown> = new Set([40001, 40014, 42001]);

export const wechat = defineProvider({
  id: 'wechat',
  label: 'WeChat',
  consoleUrl: 'https://open.weixin.qq.com/',
  referenceUrl: 'https://developers.weixin.qq.com/doc/oplatform/Website_App/WeChat_Login/Wechat_Login.html?lang=en',
  notes: [
    'Register a website application; the client ID is its AppID, the client secret its AppSecret.',
    'WeChat requires the client secret and the tokens in the query of requests to its API. Gatehouse sends them nowhere else.',
    'The API accepts a token in no other place, so requests with `ProviderClient.fetch` do not carry one.',
  ],
  scopes: ['snsapi_login'],
  endpoints: {
    authorization_endpoint: 'https://open.weixin.qq.com/connect/qrconnect#wechat_redirect',
    token_endpoint: 'https://api.weixin.qq.com/sns/oauth2/access_token',
    userinfo_endpoint: 'https://api.weixin.qq.com/sns/userinfo',
  },
  emails: 'none',
  quirks: {
    clientIdParameter: 'appid',
    scopeSeparator: ',',
    pkce: false,
    tokenRequestFormat: 'query',
    refreshEndpoint: 'refresh_token',
    keptDetails: ['openid'],
    tokenHeaders: {},
    userinfo: { query: { access_token: '{access_token}', openid: '{openid}' } },
    invalidGrantErrors: ['40029', '40030', '40163', '42002'],
    invalidClientErrors: ['40013', '40125'],
  },
  // The secret goes with a code, and not with a refresh token.
  tokenRequest({ appid, client_secret, code, grant_type, refresh_token }) {
    return { appid, secret: code && client_secret, code, grant_type, refresh_token };
  },
  userinfoError({ errcode }) {
    if (typeof errcode !== 'number' || errcode === 0) return undefined;
    return DEAD_TOKEN.has(errcode) ? 'invalid_token' : String(errcode);
  },
  tokenError: ({ errcode }) => (typeof errcode === 'number' && errcode !== 0 ? String(errcode) : undefined),
  claims: z.object({ openid: optionalSubject, unionid: optionalSubject, nickname: text, headimgurl: text }),
  // The openid is of one application, the unionid of all that belong to one developer account.
  toProfile: ({ openid, unionid, nickname, headimgurl }) => ({
    ...newestSubject(unionid, openid),
    name: nickname,
    pictureUrl: headimgurl,
  }),
});
