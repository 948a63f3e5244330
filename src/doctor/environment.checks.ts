import { type Config, ConfigurationError, loadConfig, loadExaminedConfig } from '../config/config.js';
import { DEVELOPMENT_KEY_ID } from '../config/development-key.js';
import type { Environment } from '../config/environment.js';
import { type KnownProvider, present, settingPrefix } from '../config/provider-settings.js';
import { type Problem, SETTINGS } from '../config/settings.js';
import { type Finding, problem } from './finding.js';

/** Only so that reading makes no file: where the real one is missing or wrong, nothing is sealed or opened with it. */
const PLACEHOLDER_KEY = `${DEVELOPMENT_KEY_ID}:${Buffer.from(Array.from({ length: 32 }, (_, index) => index)).toString('base64')}`;

/** What could be read of an environment. */
export interface ReadEnvironment {
  /** As it is, or as it would be without what is wrong; undefined where not even that can be read. */
  readonly config: Config | undefined;
  /** Settings that are wrong or missing: what follows from them is not to be believed. */
  readonly wrong: ReadonlySet<string>;
  readonly findings: readonly Finding[];
}

/** Reads the settings although some may be wrong, so that the rest is examined all the same. Makes no key. */
export function examineEnvironment(
  environment: Environment,
  catalogue: readonly KnownProvider[],
  ids: readonly string[],
): ReadEnvironment {
  const unkeyed =
    present(environment, 'SECRET_KEYS') === undefined && present(environment, 'NODE_ENV') !== 'production';
  const given = unkeyed ? { ...environment, SECRET_KEYS: PLACEHOLDER_KEY } : environment;
  try {
    return { config: loadConfig(given, catalogue, ids), wrong: new Set(), findings: [] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    const wrong = new Set(error.problems.map(({ setting }) => setting));
    const findings = error.problems.map(({ setting, message }) =>
      problem(
        'settings',
        `${setting} ${message}.`,
        `Mend ${setting} in the environment or in .env: Gatehouse does not start like this.`,
      ),
    );
    return { config: readTheRest(given, catalogue, ids, error.problems), wrong, findings };
  }
}

function readTheRest(
  environment: Environment,
  catalogue: readonly KnownProvider[],
  ids: readonly string[],
  problems: readonly Problem[],
): Config | undefined {
  const wrong = problems.map(({ setting }) => setting);
  const named = (environment.OIDC_PROVIDERS ?? '').split(',').map((name) => name.trim());
  const isHurt = (id: string) =>
    wrong.some((setting) => !Object.hasOwn(SETTINGS, setting) && setting.startsWith(`${settingPrefix(id)}_`));
  const hurt = [...catalogue.map(({ id }) => id), ...named].filter(isHurt);
  const taken = [
    ...wrong,
    ...hurt.flatMap((id) => [`${settingPrefix(id)}_CLIENT_ID`, `${settingPrefix(id)}_CLIENT_SECRET`]),
  ];
  const rest = {
    ...environment,
    ...Object.fromEntries(taken.map((setting) => [setting, undefined])),
    ...(wrong.includes('OIDC_PROVIDERS') ? {} : { OIDC_PROVIDERS: named.filter((id) => !hurt.includes(id)).join(',') }),
    // Nothing is required there.
    NODE_ENV: 'development',
    ...(wrong.includes('SECRET_KEYS') ? { SECRET_KEYS: PLACEHOLDER_KEY } : {}),
  };
  try {
    return loadExaminedConfig(rest, catalogue, ids);
  } catch (error) {
    if (error instanceof ConfigurationError) return undefined;
    throw error;
  }
}
