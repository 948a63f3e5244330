import { openIdProvider } from '../oauth/openid-provider.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { amazon } from './amazon.js';
import { apple } from './apple.js';
import { atlassian } from './atlassian.js';
import { auth0 } from './auth0.js';
import { authelia } from './authelia.js';
import { authentik } from './authentik.js';
import { bitbucket } from './bitbucket.js';
import { cognito } from './cognito.js';
import { digitalocean } from './digitalocean.js';
import { discord } from './discord.js';
import { dropbox } from './dropbox.js';
import { entra } from './entra.js';
import { facebook } from './facebook.js';
import { figma } from './figma.js';
import { github } from './github.js';
import { gitlab } from './gitlab.js';
import { google } from './google.js';
import { heroku } from './heroku.js';
import { hubspot } from './hubspot.js';
import { huggingface } from './huggingface.js';
import { kakao } from './kakao.js';
import { keycloak } from './keycloak.js';
import { line } from './line.js';
import { linkedin } from './linkedin.js';
import { MARKS } from './marks.js';
import { microsoft } from './microsoft.js';
import { naver } from './naver.js';
import { notion } from './notion.js';
import { okta } from './okta.js';
import { openstreetmap } from './openstreetmap.js';
import { orcid } from './orcid.js';
import { ory } from './ory.js';
import { patreon } from './patreon.js';
import { paypal } from './paypal.js';
import { reddit } from './reddit.js';
import { salesforce } from './salesforce.js';
import { slack } from './slack.js';
import { spotify } from './spotify.js';
import { strava } from './strava.js';
import { tiktok } from './tiktok.js';
import { twitch } from './twitch.js';
import { twitter } from './twitter.js';
import { yahoo } from './yahoo.js';
import { yandex } from './yandex.js';
import { zitadel } from './zitadel.js';
import { zoho } from './zoho.js';
import { zoom } from './zoom.js';

/**
 * THE LIST: every provider that comes with Gatehouse. One exists in an installation when it is configured there. Its
 * order is the order of the buttons: the ones most people look for first, then by name, then servers of one's own.
 *
 * Left out on purpose: Fitbit (shut down in autumn 2026), Meetup (new applications need a paid account), Nylas (connects
 * mailboxes and identifies nobody), Authentiq (no sign of life).
 */
export const CATALOGUE: readonly OAuthProvider[] = (
  [
    google,
    apple,
    microsoft,
    github,
    facebook,
    amazon,
    atlassian,
    bitbucket,
    digitalocean,
    discord,
    dropbox,
    figma,
    gitlab,
    heroku,
    hubspot,
    huggingface,
    kakao,
    line,
    linkedin,
    naver,
    notion,
    openstreetmap,
    orcid,
    patreon,
    paypal,
    reddit,
    salesforce,
    slack,
    spotify,
    strava,
    tiktok,
    twitch,
    twitter,
    yahoo,
    yandex,
    zoho,
    zoom,
    auth0,
    authelia,
    authentik,
    cognito,
    entra,
    keycloak,
    okta,
    ory,
    zitadel,
  ] as readonly OAuthProvider[]
).map((provider) => Object.freeze({ mark: MARKS[provider.id], ...provider }));

/** The list with the providers that need no code: those of OIDC_PROVIDERS. */
export function withOpenIdProviders(named: readonly { id: string; label: string }[]): readonly OAuthProvider[] {
  return [...CATALOGUE, ...named.map((facts) => openIdProvider(facts) as OAuthProvider)];
}
