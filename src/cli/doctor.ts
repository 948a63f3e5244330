import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.js';
import { readEnvironment } from '../config/environment.js';
import { isMentioned } from '../config/provider-settings.js';
import type { Finding, Status } from '../doctor/finding.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { counted } from '../text/numbers.js';
import { withDatabaseUrl } from './database.js';

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('look at settings, database and providers, and say what to do')
    .description(
      'Looks at the settings, asks the database and every provider, and says what is wrong and what to do about it. ' +
        'Changes nothing, and needs no Gatehouse that runs. Fails where there is a problem; warnings alone are no failure.',
    )
    .action(async () => {
      const findings = await look();
      process.stdout.write(report(findings, coloursOf(process.stdout)));
      if (findings.some(({ status }) => status === 'problem')) process.exitCode = 1;
    });
}

async function look(): Promise<Finding[]> {
  const environment = readEnvironment();
  const { loadProviders, openIdProviders, PROVIDER_IDS } = await import('../providers/catalogue.js');
  const { examineEnvironment } = await import('../doctor/environment.checks.js');
  const { inOrder } = await import('../doctor/doctor.js');
  const { problem } = await import('../doctor/finding.js');

  const listed = await loadProviders((id) => id === 'google' || isMentioned(environment, id));
  const { config, wrong, findings } = examineEnvironment(environment, listed, PROVIDER_IDS);
  if (!config) return inOrder(findings);
  const settings = await settingsOf(config, wrong);
  const catalogue = [...listed, ...openIdProviders(config.oidcProviders)];
  const extensions = await extensionsOf(config);
  const providers = await providersOf(config, catalogue, wrong);
  const isProduction = environment.NODE_ENV?.trim() === 'production';
  const keyIds = wrong.has('SECRET_KEYS') ? undefined : config.secretKeys.map(({ id }) => id);
  const { askAround } = await import('../doctor/doctor.js');
  const ask = (databaseUrl: string | undefined) =>
    askAround({ production: isProduction, providers: providers.configured, databaseUrl, keyIds });

  let answers: Finding[];
  if (wrong.has('DATABASE_URL')) {
    answers = await ask(undefined);
  } else if (config.databaseUrl === undefined && !existsSync(join(config.dataDir, 'postgres', 'cluster'))) {
    const { ok } = await import('../doctor/finding.js');
    answers = [
      ok('database', `There is no database in ${config.dataDir} yet: the first start makes it.`),
      ...(await ask(undefined)),
    ];
  } else {
    try {
      answers = await withDatabaseUrl(config, ask);
    } catch (error) {
      const { EmbeddedPostgresError } = await import('../database/embedded-postgres.errors.js');
      if (!(error instanceof EmbeddedPostgresError)) throw error;
      const remedy = `Mend what it says, or move ${config.dataDir} aside for a new database.`;
      answers = [problem('database', error.message, remedy), ...(await ask(undefined))];
    }
  }
  return inOrder([...findings, ...settings, ...providers.findings, ...extensions, ...answers]);
}

async function settingsOf(config: Config, wrong: ReadonlySet<string>): Promise<Finding[]> {
  const checks = await import('../doctor/settings.checks.js');
  return [
    ...(wrong.size === 0 ? checks.settingsFindings(config) : []),
    ...(wrong.has('BASE_URL') ? [] : checks.cookieFindings(config)),
    ...(wrong.has('TRUST_PROXY') ? [] : checks.proxyFindings(config)),
    ...(wrong.has('SECRET_KEYS') ? [] : checks.keyRingFindings(config)),
  ];
}

/** Those of the catalogue. What an extension brings is known to the application alone. */
async function providersOf(config: Config, catalogue: readonly OAuthProvider[], wrong: ReadonlySet<string>) {
  const [{ ProviderHttp }, { ConfiguredProvider }, checks] = await Promise.all([
    import('../oauth/provider-http.js'),
    import('../oauth/provider.registry.js'),
    import('../doctor/settings.checks.js'),
  ]);
  const http = new ProviderHttp();
  const configured = catalogue.flatMap((provider) => {
    const settings = config.provider(provider);
    return settings ? [new ConfiguredProvider(provider, settings, http, config.baseUrl)] : [];
  });
  await http.onApplicationShutdown();
  const isStandIn = config.standIn && wrong.size === 0 && config.extensions.length === 0;
  return {
    configured,
    findings: [
      ...checks.standInFindings(isStandIn, config.baseUrl),
      ...(wrong.has('BASE_URL') ? [] : checks.redirectUriFindings(configured.map(registrationOf))),
    ],
  };
}

function registrationOf({
  label,
  redirectUri,
  provider,
}: {
  label: string;
  redirectUri: string;
  provider: OAuthProvider;
}) {
  return { label, redirectUri, consoleUrl: provider.consoleUrl };
}

async function extensionsOf({ extensions }: Config): Promise<Finding[]> {
  const [{ ConfigurationError }, { loadExtensions }, { ok, problem }] = await Promise.all([
    import('../config/config.js'),
    import('../extensions.js'),
    import('../doctor/finding.js'),
  ]);
  const found: Finding[] = [];
  for (const name of extensions) {
    try {
      await loadExtensions([name]);
      const hint = 'A provider that it brings is examined on the page /admin/doctor alone.';
      found.push(ok('extensions', `${name} can be loaded.`, hint));
    } catch (error) {
      if (!(error instanceof ConfigurationError)) throw error;
      const message = error.problems.map((found) => found.message).join('; ');
      const remedy = 'Mend the file or package, or take it out of EXTENSIONS: Gatehouse does not start like this.';
      found.push(problem('extensions', `${message}.`, remedy));
    }
  }
  return found;
}

type Paint = (status: Status, text: string) => string;

const SGR: Readonly<Record<Status, string>> = { ok: '32', warning: '33', problem: '31;1' };
const plain: Paint = (_, text) => text;
const coloured: Paint = (status, text) => `\u001b[${SGR[status]}m${text}\u001b[39;22m`;

/** Colour on a terminal only, and not where somebody wants none (no-color.org). */
function coloursOf(output: { readonly isTTY?: boolean }): Paint {
  const { NO_COLOR } = readEnvironment();
  return output.isTTY === true && (NO_COLOR ?? '') === '' ? coloured : plain;
}

const STATUS_COLUMNS = 'problem'.length + 2;
const LINE_COLUMNS = 100;

/** Area by area, what was found and below it what to do. */
function report(findings: readonly Finding[], paint: Paint): string {
  const lines: string[] = [];
  for (const [index, { area, status, what, remedy }] of findings.entries()) {
    if (findings[index - 1]?.area !== area) lines.push('', `${area.charAt(0).toUpperCase()}${area.slice(1)}`);
    const indent = ' '.repeat(2 + STATUS_COLUMNS);
    lines.push(...wrapped(what, `  ${paint(status, status)}${' '.repeat(STATUS_COLUMNS - status.length)}`, indent));
    if (remedy !== undefined) lines.push(...wrapped(remedy, `${indent}→ `, `${indent}  `));
  }
  const problems = findings.filter(({ status }) => status === 'problem').length;
  const warnings = findings.filter(({ status }) => status === 'warning').length;
  const sum = [counted(problems, 'problem'), counted(warnings, 'warning')].join(', ');
  lines.push('', problems === 0 && warnings === 0 ? 'Nothing is wrong.' : `${sum}.`, '');
  return lines.slice(1).join('\n');
}

/** A word that is longer than a line, an address most likely, is left whole. */
function wrapped(text: string, begin: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line !== '' && indent.length + line.length + 1 + word.length > LINE_COLUMNS) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((each, index) => `${index === 0 ? begin : indent}${each}`);
}
