import type { Check } from './check.js';
import { BEGIN } from './begin.checks.js';
import { CALLBACK } from './callback.checks.js';
import { ERRORS } from './errors.checks.js';
import { FACTS } from './facts.checks.js';
import { ID_TOKEN } from './id-token.checks.js';
import { IDENTITY } from './identity.checks.js';
import { LIFETIME } from './lifetime.checks.js';
import { ODD_VALUES } from './odd-values.checks.js';
import { REAUTHENTICATION } from './reauthentication.checks.js';
import { SECRETS } from './secrets.checks.js';
import { TOKENS } from './tokens.checks.js';
import { UNIMPORTANT } from './unimportant.checks.js';

/** Everything that a provider runs through, in this order. */
export const CHECKS: readonly Check[] = [
  ...FACTS,
  ...BEGIN,
  ...IDENTITY,
  ...CALLBACK,
  ...ID_TOKEN,
  ...REAUTHENTICATION,
  ...ERRORS,
  ...ODD_VALUES,
  ...UNIMPORTANT,
  ...LIFETIME,
  ...TOKENS,
  ...SECRETS,
];
