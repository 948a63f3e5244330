/**
 * doctor: looks at an installation as whoever helps an operator would, and says what to do.
 *
 *   settings.checks    what the settings say by themselves; what must be registered at the providers
 *   browser-view       by which address a browser comes, and which proxies stand between
 *   provider.checks    every provider asked anew: discovery, keys, client id and secret, clock
 *   database.checks    server, schema, rights, TLS        (stored.checks: which keys are needed, grants to take back)
 *
 * A look is a finding with a remedy, never a change. `npm run cli -- doctor` and the page /admin/doctor show the same.
 * Everything that has to be asked is asked side by side, with a limit, and nothing that fails hides anything else.
 */
import type { Config } from '../config/config.js';
import type { ConfiguredProvider } from '../oauth/provider.registry.js';
import { databaseChecks } from './database.checks.js';
import { type Check, examine } from './examine.js';
import { AREAS, type Finding, ok, STATUSES } from './finding.js';
import { providerChecks } from './provider.checks.js';

/** Discovery and one more call of a provider that answers nothing take ten seconds; the database less. */
const EXAMINATION_LIMIT_MS = 15_000;

export interface Installation {
  readonly production: boolean;
  readonly providers: readonly ConfiguredProvider[];
  /** Undefined where it is not known, or not there yet. */
  readonly databaseUrl: string | undefined;
  /** Ids of SECRET_KEYS, newest first; undefined where they cannot be read. */
  readonly keyIds: readonly string[] | undefined;
}

/** Asks the providers and the database. */
export async function askAround({ production, providers, databaseUrl, keyIds }: Installation): Promise<Finding[]> {
  const database = databaseUrl === undefined ? undefined : databaseChecks({ url: databaseUrl, production, keyIds });
  const checks: Check[] = [...(database?.checks ?? []), ...providerChecks(providers)];
  try {
    return await examine(checks, EXAMINATION_LIMIT_MS);
  } finally {
    await database?.close();
  }
}

export function extensionFindings(names: Config['extensions']): Finding[] {
  return names.map((name) => ok('extensions', `${name} is loaded.`));
}

/** By area, and in each the worst first. */
export function inOrder(findings: readonly Finding[]): Finding[] {
  return [...findings].sort(
    (one, other) =>
      AREAS.indexOf(one.area) - AREAS.indexOf(other.area) ||
      STATUSES.indexOf(one.status) - STATUSES.indexOf(other.status),
  );
}
