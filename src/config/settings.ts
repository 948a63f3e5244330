import { isIP } from 'node:net';
import { z } from 'zod';
import { databaseProblem } from './database-address.js';
import { emailDomain } from './domain.js';
import type { Environment } from './environment.js';
import { addressRange } from './ip-address.js';
import { present } from './provider-settings.js';
import { parseSecretKeys } from './secret-keys.js';
import { webAddress } from './web-address.js';

// A list that is set and empty, such as ",", would read as no restriction at all.
const list = z
  .string()
  .transform((text) =>
    text
      .split(',')
      .map((part) => part.trim())
      .filter((part) => part !== ''),
  )
  .refine((parts) => parts.length > 0, { error: 'must name something, or be left out' });
const emailDomains = list.transform((parts, context) =>
  parts.map((part, index) => {
    const domain = emailDomain(part);
    if (domain === undefined) {
      context.addIssue(`must be a comma-separated list of domains such as corp.test; entry ${index + 1} is not one`);
    }
    return domain ?? '';
  }),
);
/** A subject can have a semicolon, but not one that ends it or that another account follows. */
const ACCOUNT = /^[a-z][a-z0-9-]*:(?!.*;(?:[a-z][a-z0-9-]*:|$))\S+$/;
const PROVIDER_NAME = /^[a-z][a-z0-9-]{0,31}$/;
const HOST_NAME = /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9])?$/i;
/** A visit is stored once a minute at most: a shorter limit would end sessions that are in use. */
const MINUTE_IN_DAYS = 1 / 24 / 60;

function numberWithin(form: RegExp, least: number, most: number, problem: string) {
  return z.string().transform((text, context) => {
    const number = form.test(text) ? Number(text) : NaN;
    if (!(number >= least && number <= most)) context.addIssue(problem);
    return number;
  });
}

function days(least: number, called: string) {
  const problem = `must be a number of days, at least ${called} and at most 3650`;
  return numberWithin(/^\d{1,4}(?:\.\d{1,9})?$/, least, 3650, problem);
}

/** Decimal digits alone: other spellings that JavaScript takes for a number (`0x1F`, `1e3`) are more likely a slip. */
function wholeNumber(least: number, most: number) {
  return numberWithin(/^\d{1,9}$/, least, most, `must be a whole number from ${least} to ${most}`);
}

const perMinute = wholeNumber(0, 1_000_000);
const sessionLimit = days(MINUTE_IN_DAYS, '0.0007 (a minute)');

/** Every setting that is not a provider's: how it is read, what it is without a value, what it means. */
export const SETTINGS = {
  NODE_ENV: {
    read: z.enum(['development', 'production', 'test'], { error: 'must be development, production or test' }),
    otherwise: 'development',
    meaning: '`production` turns on the refusals marked P',
  },
  HOST: {
    read: z
      .string()
      .transform((text) => text.replace(/^\[(.*)\]$/, '$1'))
      .refine((host) => isIP(host) !== 0 || HOST_NAME.test(host), {
        error: 'must be an address or a host name, without a scheme and without a port',
      }),
    otherwise: '`127.0.0.1` (P: `0.0.0.0`)',
    meaning: 'address or host name to listen on, without a scheme or port',
  },
  PORT: {
    read: wholeNumber(0, 65535),
    otherwise: '3000',
    meaning: 'port to listen on; `0` picks a free one and the start line names it',
  },
  BASE_URL: {
    read: webAddress,
    otherwise: '`http://localhost:PORT` (P: required)',
    meaning: 'where browsers find Gatehouse: the only source of redirect URIs, cookie names and flags',
  },
  DATABASE_URL: {
    read: z.string().superRefine((text, context) => {
      const problem = databaseProblem(text);
      if (problem !== undefined) context.addIssue(problem);
    }),
    otherwise: 'embedded Postgres in `DATA_DIR` (P: required)',
    meaning:
      '`postgres://…`, or the address of a socket; a password is percent-encoded. Where `sslmode` means something else than to libpq, the start says so',
  },
  DATABASE_POOL_SIZE: {
    read: wholeNumber(1, 1000),
    otherwise: '10',
    meaning: 'connections per process',
  },
  DATA_DIR: {
    read: z.string(),
    otherwise: '.data',
    meaning: 'folder of the embedded database and the development key',
  },
  SECRET_KEYS: {
    read: z.string().transform(parseSecretKeys),
    otherwise: 'made and kept in `DATA_DIR` (P: required)',
    meaning: 'comma list `id:base64 of 32 bytes`, newest first; the first one seals, all of them open',
  },
  OIDC_PROVIDERS: {
    read: list.refine(
      (names) => names.every((name) => PROVIDER_NAME.test(name)) && new Set(names).size === names.length,
      {
        error: 'must be a comma list of names in lower case letters, digits and hyphens, each once',
      },
    ),
    otherwise: '',
    meaning: 'comma list of names; `acme` is an OpenID provider by `ACME_ISSUER`, `ACME_CLIENT_ID`, `ACME_CLIENT_SECRET` and `ACME_LABEL`', // prettier-ignore
  },
  OAUTH_INSECURE_TRANSPORT: {
    read: z.enum(['0', '1'], { error: 'must be 0 or 1' }),
    otherwise: '0',
    meaning: '`1` lets `BASE_URL` and provider endpoints be plain http (P: loopback addresses only)',
  },
  SIGN_UP: {
    read: z.enum(['open', 'closed', 'invited'], { error: 'must be open, closed or invited' }),
    otherwise: 'open',
    meaning: '`open`: anybody the provider and the hook let in; `closed`: known people only; `invited`: also whoever has an invitation for their verified email', // prettier-ignore
  },
  ALLOWED_EMAIL_DOMAINS: {
    read: emailDomains,
    otherwise: '',
    meaning: 'comma-separated list of domains; only users with a verified email in one of them. `@x.org`, `X.org` and IDN forms are normalised, anything else that is not a domain fails the start. A personal Google account can have a verified address of a company and keep it after its owner has left: see `GOOGLE_REQUIRE_HOSTED_DOMAIN`', // prettier-ignore
  },
  ADMIN_ACCOUNTS: {
    read: list.refine((accounts) => accounts.every((account) => ACCOUNT.test(account)), {
      error: 'must be a comma-separated list of provider:subject, for example google:108…',
    }),
    otherwise: 'none (with the stand-in: its person "Ada")',
    meaning:
      'comma-separated list of `provider:subject`, whose provider must be configured; these accounts get the role `admin` at every sign-in, which undoes a demotion; the change is audited and published',
  },
  SESSION_IDLE_DAYS: {
    read: sessionLimit,
    otherwise: '14',
    meaning: 'days without a visit after which a session ends, at least a minute (0.0007)',
  },
  SESSION_ABSOLUTE_DAYS: {
    read: sessionLimit,
    otherwise: '90',
    meaning: 'days after which a session ends in any case, at least a minute (0.0007)',
  },
  SESSIONS_PER_USER: {
    read: wholeNumber(1, 10_000),
    otherwise: '100',
    meaning: 'sessions of one user; a sign-in beyond it ends the oldest one',
  },
  ATTEMPT_RETENTION_DAYS: {
    read: days(1, '1'),
    otherwise: '30',
    meaning:
      'days after which the record of a sign-in attempt is deleted, at least 1; attempts that failed before an identity was verified are deleted after one day',
  },
  TRUST_PROXY: {
    read: z.string().transform(parseTrustProxy),
    otherwise: 'none',
    meaning: 'hop count or comma list of CIDR ranges of the proxies in front; `true` is refused',
  },
  RATE_LIMIT_SIGN_INS_PER_MINUTE: {
    read: perMinute,
    otherwise: '60',
    meaning: 'starts and failed callbacks of sign-ins per minute from one client address (IPv6: one /64) and process; `0` disables the limit', // prettier-ignore
  },
  RATE_LIMIT_API_PER_MINUTE: {
    read: perMinute,
    otherwise: '600',
    meaning: 'requests under `/api` per minute from one client address (IPv6: one /64) and process; `0` disables the limit', // prettier-ignore
  },
  HTTP_KEEP_ALIVE_SECONDS: {
    read: numberWithin(/^\d{1,4}(?:\.\d{1,3})?$/, 1, 3600, 'must be a number of seconds from 1 to 3600'),
    otherwise: '75',
    meaning: 'seconds that an idle connection stays open; longer than the idle time of the load balancer in front, up to 3600', // prettier-ignore
  },
  EXTENSIONS: {
    read: list,
    otherwise: '',
    meaning: 'comma-separated list of files or packages, each with a Nest module as default export',
  },
  LOG_LEVEL: {
    read: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace'], {
      error: 'must be fatal, error, warn, info, debug or trace',
    }),
    otherwise: 'info',
    meaning: 'the least important line that is written',
  },
  LOG_FORMAT: {
    read: z.enum(['pretty', 'json'], { error: 'must be pretty or json' }),
    otherwise: '`pretty` (P: `json`)',
    meaning: '`json`: one object per line',
  },
} as const;

type SettingName = keyof typeof SETTINGS;
type SettingValue<Name extends SettingName> = z.output<(typeof SETTINGS)[Name]['read']>;

/** What is wrong with a setting. The message never holds its value. */
export interface Problem {
  readonly setting: string;
  readonly message: string;
}

/** The ways to read a setting, and what was found wrong on them. */
export interface Settings {
  readonly production: boolean;
  readonly problems: readonly Problem[];
  readonly complain: (setting: string, message: string) => void;
  readonly read: <Name extends SettingName>(name: Name) => SettingValue<Name> | undefined;
  /** The same, and in production it may not be missing. */
  readonly required: <Name extends SettingName>(name: Name, advice: string) => SettingValue<Name> | undefined;
}

export function settingsIn(environment: Environment): Settings {
  const problems: Problem[] = [];
  const complain = (setting: string, message: string) => void problems.push({ setting, message });
  const read = <Name extends SettingName>(name: Name): SettingValue<Name> | undefined => {
    const text = present(environment, name);
    if (text === undefined) return undefined;
    const result = SETTINGS[name].read.safeParse(text);
    if (!result.success) complain(name, result.error.issues.map((issue) => issue.message).join('; '));
    return result.data as SettingValue<Name> | undefined;
  };
  const production = read('NODE_ENV') === 'production';
  const required = <Name extends SettingName>(name: Name, advice: string): SettingValue<Name> | undefined => {
    if (production && present(environment, name) === undefined) complain(name, `is required in production: ${advice}`);
    return read(name);
  };
  return { production, problems, complain, read, required };
}

function parseTrustProxy(text: string): number | { ranges: readonly string[] } | { problem: string } {
  if (/^\d{1,2}$/.test(text)) return Number(text);
  const ranges = text.split(',').map((range) => addressRange(range.trim()));
  return ranges.every((range) => range !== undefined)
    ? { ranges }
    : { problem: 'must be the number of proxies in front, or a comma list of addresses or CIDR ranges' };
}
