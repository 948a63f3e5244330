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
 * mailboxes and identifies nobody), Authentiq (no sign of life).
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
  bitbucket: async () => (await import('./bitbucket.js')).bitbucket,
  box: async () => (await import('./box.js')).box,
  digitalocean: async () => (await import('./digitalocean.js')).digitalocean,
  discord: async () => (await import('./discord.js')).discord,
  dropbox: async () => (await import('./dropbox.js')).dropbox,
  figma: async () => (await import('./figma.js')).figma,
  gitlab: async () => (await import('./gitlab.js')).gitlab,
  heroku: async () => (await import('./heroku.js')).heroku,
  hubspot: async () => (await import('./hubspot.js')).hubspot,
  huggingface: async () => (await import('./huggingface.js')).huggingface,
  kakao: async () => (await import('./kakao.js')).kakao,
  line: async () => (await import('./line.js')).line,
  linkedin: async () => (await import('./linkedin.js')).linkedin,
  naver: async () => (await import('./naver.js')).naver,
  notion: async () => (await import('./notion.js')).notion,
  openstreetmap: async () => (await import('./openstreetmap.js')).openstreetmap,
  orcid: async () => (await import('./orcid.js')).orcid,
  patreon: async () => (await import('./patreon.js')).patreon,
  paypal: async () => (await import('./paypal.js')).paypal,
  reddit: async () => (await import('./reddit.js')).reddit,
  salesforce: async () => (await import('./salesforce.js')).salesforce,
  slack: async () => (await import('./slack.js')).slack,
  spotify: async () => (await import('./spotify.js')).spotify,
  strava: async () => (await import('./strava.js')).strava,
  tiktok: async () => (await import('./tiktok.js')).tiktok,
  twitch: async () => (await import('./twitch.js')).twitch,
  twitter: async () => (await import('./twitter.js')).twitter,
  yahoo: async () => (await import('./yahoo.js')).yahoo,
  yandex: async () => (await import('./yandex.js')).yandex,
  zoho: async () => (await import('./zoho.js')).zoho,
  zoom: async () => (await import('./zoom.js')).zoom,
  auth0: async () => (await import('./auth0.js')).auth0,
  authelia: async () => (await import('./authelia.js')).authelia,
  authentik: async () => (await import('./authentik.js')).authentik,
  cognito: async () => (await import('./cognito.js')).cognito,
  entra: async () => (await import('./entra.js')).entra,
  keycloak: async () => (await import('./keycloak.js')).keycloak,
  okta: async () => (await import('./okta.js')).okta,
  ory: async () => (await import('./ory.js')).ory,
  zitadel: async () => (await import('./zitadel.js')).zitadel,
};

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
