import { openIdProvider } from '../oauth/openid-provider.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { MARKS } from './marks.js';
import { own } from '../text/own.js';

/**
 * THE LIST: every provider that comes with Gatehouse, a line each. One exists in an installation when it is configured
 * there, and only then is its file read. The order is the order of the buttons: the ones most people look for first,
 * then by name, then servers of one's own.
 *
 * Left out on purpose: Fitbit (shut down in autumn 2026), Meetup (new applications need a paid account), Nylas (connects
 * mailboxes and identifies no user), Authentiq (no sign of life), Steam (OpenID 2.0, for which there is no maintained
 * library).
 */
const CATALOGUE: Readonly<Record<string, () => Promise<OAuthProvider>>> = {
  google: async () => (await import('./google.js')).google,
  apple: async () => (await import('./apple.js')).apple,
  microsoft: async () => (await import('./microsoft.js')).microsoft,
  github: async () => (await import('./github.js')).github,
  facebook: async () => (await import('./facebook.js')).facebook,
  amazon: async () => (await import('./amazon.js')).amazon,
  asana: async () => (await import('./asana.js')).asana,
  atlassian: async () => (await import('./atlassian.js')).atlassian,
  basecamp: async () => (await import('./basecamp.js')).basecamp,
  battlenet: async () => (await import('./battlenet.js')).battlenet,
  bitbucket: async () => (await import('./bitbucket.js')).bitbucket,
  box: async () => (await import('./box.js')).box,
  coinbase: async () => (await import('./coinbase.js')).coinbase,
  digitalocean: async () => (await import('./digitalocean.js')).digitalocean,
  dingtalk: async () => (await import('./dingtalk.js')).dingtalk,
  discord: async () => (await import('./discord.js')).discord,
  docusign: async () => (await import('./docusign.js')).docusign,
  dropbox: async () => (await import('./dropbox.js')).dropbox,
  eveonline: async () => (await import('./eveonline.js')).eveonline,
  figma: async () => (await import('./figma.js')).figma,
  gitlab: async () => (await import('./gitlab.js')).gitlab,
  heroku: async () => (await import('./heroku.js')).heroku,
  hubspot: async () => (await import('./hubspot.js')).hubspot,
  huggingface: async () => (await import('./huggingface.js')).huggingface,
  intuit: async () => (await import('./intuit.js')).intuit,
  kakao: async () => (await import('./kakao.js')).kakao,
  kick: async () => (await import('./kick.js')).kick,
  lark: async () => (await import('./lark.js')).lark,
  line: async () => (await import('./line.js')).line,
  linear: async () => (await import('./linear.js')).linear,
  linkedin: async () => (await import('./linkedin.js')).linkedin,
  mailchimp: async () => (await import('./mailchimp.js')).mailchimp,
  naver: async () => (await import('./naver.js')).naver,
  notion: async () => (await import('./notion.js')).notion,
  openstreetmap: async () => (await import('./openstreetmap.js')).openstreetmap,
  orcid: async () => (await import('./orcid.js')).orcid,
  patreon: async () => (await import('./patreon.js')).patreon,
  paypal: async () => (await import('./paypal.js')).paypal,
  pinterest: async () => (await import('./pinterest.js')).pinterest,
  reddit: async () => (await import('./reddit.js')).reddit,
  roblox: async () => (await import('./roblox.js')).roblox,
  salesforce: async () => (await import('./salesforce.js')).salesforce,
  shopify: async () => (await import('./shopify.js')).shopify,
  slack: async () => (await import('./slack.js')).slack,
  snapchat: async () => (await import('./snapchat.js')).snapchat,
  spotify: async () => (await import('./spotify.js')).spotify,
  stackexchange: async () => (await import('./stackexchange.js')).stackexchange,
  strava: async () => (await import('./strava.js')).strava,
  stripe: async () => (await import('./stripe.js')).stripe,
  telegram: async () => (await import('./telegram.js')).telegram,
  tiktok: async () => (await import('./tiktok.js')).tiktok,
  todoist: async () => (await import('./todoist.js')).todoist,
  tumblr: async () => (await import('./tumblr.js')).tumblr,
  twitch: async () => (await import('./twitch.js')).twitch,
  twitter: async () => (await import('./twitter.js')).twitter,
  vercel: async () => (await import('./vercel.js')).vercel,
  vk: async () => (await import('./vk.js')).vk,
  wechat: async () => (await import('./wechat.js')).wechat,
  weibo: async () => (await import('./weibo.js')).weibo,
  withings: async () => (await import('./withings.js')).withings,
  wordpress: async () => (await import('./wordpress.js')).wordpress,
  xero: async () => (await import('./xero.js')).xero,
  yahoo: async () => (await import('./yahoo.js')).yahoo,
  yandex: async () => (await import('./yandex.js')).yandex,
  zoho: async () => (await import('./zoho.js')).zoho,
  zoom: async () => (await import('./zoom.js')).zoom,
  auth0: async () => (await import('./auth0.js')).auth0,
  authelia: async () => (await import('./authelia.js')).authelia,
  authentik: async () => (await import('./authentik.js')).authentik,
  'azure-b2c': async () => (await import('./azure-b2c.js')).azureB2c,
  cognito: async () => (await import('./cognito.js')).cognito,
  entra: async () => (await import('./entra.js')).entra,
  gitea: async () => (await import('./gitea.js')).gitea,
  keycloak: async () => (await import('./keycloak.js')).keycloak,
  mastodon: async () => (await import('./mastodon.js')).mastodon,
  nextcloud: async () => (await import('./nextcloud.js')).nextcloud,
  okta: async () => (await import('./okta.js')).okta,
  ory: async () => (await import('./ory.js')).ory,
  workos: async () => (await import('./workos.js')).workos,
  zitadel: async () => (await import('./zitadel.js')).zitadel,
};

/** Every id of the list, without reading a file of it. */
export const PROVIDER_IDS: readonly string[] = Object.keys(CATALOGUE);

/** Reads the providers of the list that are wanted, in its order; all of them unless told otherwise. */
export async function loadProviders(isWanted: (id: string) => boolean = () => true): Promise<readonly OAuthProvider[]> {
  const providers: OAuthProvider[] = [];
  for (const [id, load] of Object.entries(CATALOGUE)) {
    if (isWanted(id)) providers.push(Object.freeze({ mark: own(MARKS, id), ...(await load()) }));
  }
  return providers;
}

/** The providers that need no code: those of OIDC_PROVIDERS. */
export function openIdProviders(named: readonly { id: string; label: string }[]): readonly OAuthProvider[] {
  return named.map((facts) => openIdProvider(facts) as OAuthProvider);
}
