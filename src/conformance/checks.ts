import type { Check } from './check.js';
import { BEGIN } from './checks/begin.js';
import { CALLBACK } from './checks/callback.js';
import { ERRORS } from './checks/errors.js';
import { FACTS } from './checks/facts.js';
import { ID_TOKEN } from './checks/id-token.js';
import { IDENTITY } from './checks/identity.js';
import { ODD_VALUES } from './checks/odd-values.js';
import { SECRETS } from './checks/secrets.js';
import { TOKENS } from './checks/tokens.js';

/** Everything that a provider runs through, in this order. */
export const CHECKS: readonly Check[] = [
  ...FACTS,
  ...BEGIN,
  ...IDENTITY,
  ...CALLBACK,
  ...ID_TOKEN,
  ...ERRORS,
  ...ODD_VALUES,
  ...TOKENS,
  ...SECRETS,
];
