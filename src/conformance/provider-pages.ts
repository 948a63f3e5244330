import { settingPrefix } from '../config/provider-settings.js';
import type { EmailPolicy } from '../config/provider-settings.js';
import type { OAuthProvider, Reauthentication } from '../oauth/provider.js';
import type { Fixture } from './fixture.js';
import { fixtureFile, readFixture } from './fixtures.js';

/** A file of docs/providers. */
export interface ProviderPage {
  readonly name: string;
  readonly text: string;
}

const EMAILS: Readonly<Record<EmailPolicy, string>> = {
  none: 'The provider returns no email address.',
  unverified: 'The provider returns an email address without a guarantee that it is verified. Gatehouse treats it as unverified.', // prettier-ignore
  verified: 'The provider reports for each email address whether it is verified, and Gatehouse relies on it.',
  operator: 'The administrators of the server decide which email addresses are verified. Gatehouse treats all of them as unverified unless you set `<ID>_TRUST_EMAILS=1`.', // prettier-ignore
};

const REAUTHENTICATION: Readonly<Record<Reauthentication, string>> = {
  max_age:
    'Before a protected action, the provider authenticates the user again (`max_age`), and Gatehouse verifies the time that it reports (`auth_time`).',
  'prompt=login':
    'Before a protected action, the provider authenticates the user again (`prompt=login`). It does not report when a user authenticated.',
};
const NO_REAUTHENTICATION =
  'The provider documents no way to authenticate a user again. Before a protected action, Gatehouse accepts any new sign-in of the last ten minutes, even if the user was still signed in at the provider.';

/** A page for the operator about each provider, from its file and its fixture, and the list of all providers. */
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
    { none: 'none', unverified: 'unverified', verified: 'verified', operator: 'configurable' }[emailsOf(provider)],
    fixture.refresh ? 'yes' : 'no',
    fixture.revocation ? 'yes' : 'no',
  ]);
  return `# Providers

Gatehouse includes ${entries.length} providers. A provider is enabled when \`<ID>_CLIENT_ID\` and \`<ID>_CLIENT_SECRET\` are set. To add
another OpenID provider, set \`OIDC_PROVIDERS\`; this needs no code. For any other provider, follow the recipe "Add a
provider" in the README.

${table(['Provider', 'Route', 'Identity', 'Email addresses', 'Token refresh', 'Revocation'], rows)}
These pages are generated from \`src/providers\` and \`fixtures\` by \`npm run cli -- provider:docs\`.
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
      `Register the redirect URI \`<BASE_URL>/${provider.id}/authorized\`; in development it is ` +
        `\`http://localhost:3000/${provider.id}/authorized\`. The provider compares it character by character.`,
      'Add the client ID and the client secret to `.env`, and restart Gatehouse.',
    ]),
    settingsOf(provider, prefix),
    '## How it works',
    bulleted([
      `Requested scopes: ${scopes}. To request others, set \`${prefix}_SCOPES\`.`,
      identityOf(provider),
      EMAILS[emailsOf(provider)].replace('<ID>', prefix),
      provider.reauthentication ? REAUTHENTICATION[provider.reauthentication] : NO_REAUTHENTICATION,
      fixture.refresh
        ? 'Gatehouse refreshes expired access tokens, also while the user is away.'
        : 'Access tokens cannot be refreshed. When one expires or is revoked, the user has to reconnect.',
      fixture.revocation
        ? 'When a linked account is removed, Gatehouse revokes the grant at the provider.'
        : 'Gatehouse cannot revoke the grant at the provider. Users can do this in their settings there.',
      ...departuresOf(provider),
    ]),
    ...(provider.notes?.length ? ['## Notes', bulleted(provider.notes)] : []),
    ...(provider.referenceUrl ? [`Provider documentation: <${provider.referenceUrl}>.`] : []),
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
    ['Setting', 'Default', 'Description'],
    [
      [`\`${prefix}_CLIENT_ID\``, 'required', 'client ID'],
      [`\`${prefix}_CLIENT_SECRET\``, 'required', 'client secret'],
      ...(provider.endpoints
        ? []
        : [[`\`${prefix}_ISSUER\``, 'required', 'issuer URL of the server, exactly as the server reports it']]),
      ...own,
    ],
  ).trimEnd();
}

function identityOf({
  idToken,
  fetchClaims,
  endpoints,
  quirks,
}: Pick<OAuthProvider, 'idToken' | 'endpoints' | 'quirks'> & { fetchClaims?: unknown }): string {
  if (idToken?.withoutUserinfo || quirks?.userinfo?.isAnonymous)
    return 'A verified `id_token` identifies the user. A sign-in makes one request, the code exchange.';
  if (idToken) {
    return (
      'A verified `id_token` identifies the user. A sign-in makes one request, the code exchange, unless the ' +
      '`id_token` lacks an email address or a name: then Gatehouse requests userinfo for these. If that request ' +
      'fails, only these are missing.'
    );
  }
  if (fetchClaims && endpoints)
    return 'The provider identifies the user in responses of its own format, which its file in `src/providers` reads.';
  return 'The userinfo response identifies the user.';
}

function departuresOf({ quirks }: OAuthProvider): string[] {
  return [
    ...(quirks?.responseMode === 'form_post'
      ? ['The provider returns its response as a form (`form_post`), so `BASE_URL` must be https.']
      : []),
    ...(quirks?.pkce === false
      ? ['Gatehouse does not use PKCE, because the provider rejects it or does not document it.']
      : []),
    ...(quirks?.clientIdParameter ? [`The client ID is sent as \`${quirks.clientIdParameter}\`.`] : []),
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
