import { settingPrefix } from '../config/provider-settings.js';
import type { EmailPolicy, OAuthProvider, Reauthentication } from '../oauth/provider.js';
import type { Fixture } from './fixture.js';
import { fixtureFile, readFixture } from './fixtures.js';

/** A file of docs/providers. */
export interface ProviderPage {
  readonly name: string;
  readonly text: string;
}

const EMAILS: Readonly<Record<EmailPolicy, string>> = {
  none: 'It tells no address.',
  unverified: 'It tells an address and does not vouch for it: here it counts as unverified.',
  verified: 'It says of each address whether it has checked it, and is believed.',
  operator: 'What it says of an address is worth what the people who run that server are worth: unverified, until `<ID>_TRUST_EMAILS=1`.', // prettier-ignore
};

const REAUTHENTICATION: Readonly<Record<Reauthentication, string>> = {
  max_age:
    'Before a protected action, the user authenticates again there (`max_age`), and the verified `auth_time` says when.',
  'prompt=login':
    'Before a protected action, the user authenticates again there (`prompt=login`). It does not report when users authenticate.',
};
const NO_REAUTHENTICATION =
  'It documents no way to make a user authenticate again: before a protected action, any new sign-in within ten minutes counts, also one through a session that is open there.';

/** What an operator wants to know about each provider, from its file and its fixture, and the list of them all. */
export function providerPages(catalogue: readonly OAuthProvider[]): readonly ProviderPage[] {
  const entries = catalogue.map((provider) => ({ provider, fixture: readFixture(fixtureFile(provider.id)) }));
  return [
    { name: 'README.md', text: listOf(entries) },
    ...entries.map(({ provider, fixture }) => ({ name: `${provider.id}.md`, text: pageOf(provider, fixture) })),
  ];
}

interface Entry {
  readonly provider: OAuthProvider;
  readonly fixture: Fixture;
}

function listOf(entries: readonly Entry[]): string {
  const rows = entries.map(({ provider, fixture }) => [
    `[${provider.label}](${provider.id}.md)`,
    `\`/${provider.id}\``,
    provider.idToken ? 'id_token' : 'userinfo',
    { none: 'none', unverified: 'unverified', verified: 'verified', operator: 'as you say' }[emailsOf(provider)],
    fixture.refresh ? 'yes' : 'no',
    fixture.revocation ? 'yes' : 'no',
  ]);
  return `# Providers

${entries.length} providers come with Gatehouse; one exists when \`<ID>_CLIENT_ID\` and \`<ID>_CLIENT_SECRET\` are set. Any other
OpenID provider is added by \`OIDC_PROVIDERS\`, without code; the recipe "Add a provider" in the README adds the rest.

${table(['provider', 'route', 'proof', 'addresses', 'tokens renewed', 'grants taken back'], rows)}
These pages are made from \`src/providers\` and \`fixtures\` by \`npm run cli -- provider:docs\`.
`;
}

function pageOf(provider: OAuthProvider, fixture: Fixture): string {
  const prefix = settingPrefix(provider.id);
  const register = provider.consoleUrl
    ? `Register an application at <${provider.consoleUrl}>.`
    : 'Register an application on your server.';
  const scopes = provider.scopes.map((scope) => `\`${scope}\``).join(', ') || 'none';
  const sections = [
    `# ${provider.label}`,
    numbered([
      register,
      `Register the redirect URI \`<BASE_URL>/${provider.id}/authorized\`, in development ` +
        `\`http://localhost:3000/${provider.id}/authorized\`. It is compared letter by letter.`,
      'Write what you are given into `.env` and start again.',
    ]),
    settingsOf(provider, prefix),
    '## What it does',
    bulleted([
      `Asked for: ${scopes}; others by \`${prefix}_SCOPES\`.`,
      proofOf(provider),
      EMAILS[emailsOf(provider)].replace('<ID>', prefix),
      provider.reauthentication ? REAUTHENTICATION[provider.reauthentication] : NO_REAUTHENTICATION,
      fixture.refresh
        ? 'Its tokens are renewed while the person is away.'
        : 'Its tokens cannot be renewed: when one ends, the person connects again.',
      fixture.revocation
        ? 'When a link ends here, the grant is taken back there.'
        : 'It has no way to take a grant back that works from here; people do it in their settings there.',
      ...departuresOf(provider),
    ]),
    ...(provider.notes?.length ? ['## Good to know', bulleted(provider.notes)] : []),
    ...(provider.referenceUrl ? [`Its own documentation: <${provider.referenceUrl}>.`] : []),
  ];
  return `${sections.join('\n\n')}\n`;
}

function settingsOf(provider: OAuthProvider, prefix: string): string {
  const own = Object.entries(provider.settings ?? {}).map(([name, { meaning, default: usual, required }]) => [
    `\`${prefix}_${name}\``,
    required ? 'required' : usual === undefined ? '–' : `\`${usual}\``,
    meaning,
  ]);
  return table(
    ['setting', 'default', 'meaning'],
    [
      [`\`${prefix}_CLIENT_ID\``, 'required', 'the client id'],
      [`\`${prefix}_CLIENT_SECRET\``, 'required', 'its secret'],
      ...(provider.endpoints
        ? []
        : [[`\`${prefix}_ISSUER\``, 'required', 'the address of the server, letter by letter as it calls itself']]),
      ...own,
    ],
  ).trimEnd();
}

function proofOf({
  idToken,
  fetchClaims,
  endpoints,
  quirks,
}: Pick<OAuthProvider, 'idToken' | 'endpoints' | 'quirks'> & { fetchClaims?: unknown }): string {
  if (idToken?.withoutUserinfo || quirks?.userinfo?.isAnonymous)
    return 'Who the person is stands in a verified `id_token`: a sign-in is one call.';
  if (idToken) {
    return (
      'Who the user is, a verified `id_token` says: a sign-in is one call. Userinfo is requested only for an email ' +
      'address or a name that the `id_token` lacks, and when that fails, only those are missing.'
    );
  }
  if (fetchClaims && endpoints) return 'Who the person is, it says in a way of its own; its file has it.';
  return 'Who the person is, its userinfo says.';
}

function departuresOf({ quirks }: OAuthProvider): string[] {
  return [
    ...(quirks?.responseMode === 'form_post' ? ['Its answer comes back as a form, so `BASE_URL` must be https.'] : []),
    ...(quirks?.pkce === false ? ['PKCE is not sent: the provider does not document it, or refuses it.'] : []),
    ...(quirks?.clientIdParameter ? [`It calls the client id \`${quirks.clientIdParameter}\`.`] : []),
  ];
}

function emailsOf({ emails = 'verified' }: OAuthProvider): EmailPolicy {
  return emails;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  return line(heads) + `|${'---|'.repeat(heads.length)}\n` + rows.map(line).join('');
}

function bulleted(sentences: readonly string[]): string {
  return sentences.map((sentence) => `- ${sentence}`).join('\n');
}

function numbered(sentences: readonly string[]): string {
  return sentences.map((sentence, place) => `${place + 1}. ${sentence}`).join('\n');
}
