import { describe, expect, it } from '@jest/globals';
import { loadProviders } from '../providers/catalogue.js';
import { misspellings } from './misspellings.js';
import { providerSettingNames } from './provider-settings.js';
import { SETTINGS } from './settings.js';

const NAMES = [...Object.keys(SETTINGS), ...(await loadProviders()).flatMap(providerSettingNames)];
const KNOWN = new Set(NAMES);
/** Every provider has the same names after its own. */
const SOME = [...Object.keys(SETTINGS), ...NAMES.filter((name) => /^(GOOGLE|AUTH0|AZURE_B2C|X)_/.test(name))];
const meantBy = (name: string) => misspellings({ [name]: 'x' }, KNOWN).map(({ meant }) => meant);

/** Names that machines, shells, npm, CI services, containers and hosts set, and those of neighbouring programs. */
const ORDINARY = `
  PATH HOME USER LOGNAME SHELL PWD OLDPWD SHLVL TERM LANG LC_ALL LC_CTYPE TZ EDITOR VISUAL PAGER DISPLAY HOSTNAME HOSTTYPE
  OSTYPE MACHTYPE MAIL TMPDIR TEMP TMP COLUMNS LINES _ PS1 XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR SSH_AUTH_SOCK
  DBUS_SESSION_BUS_ADDRESS INVOCATION_ID JOURNAL_STREAM LISTEN_FDS NOTIFY_SOCKET SYSTEMROOT COMPUTERNAME APPDATA host port
  NODE NODE_OPTIONS NODE_PATH NODE_VERSION YARN_VERSION NODE_EXTRA_CA_CERTS NODE_TLS_REJECT_UNAUTHORIZED NPM_TOKEN DEBUG
  npm_config_cache npm_config_user_agent npm_config_prefix npm_package_name npm_package_version npm_package_json
  npm_lifecycle_event npm_lifecycle_script npm_node_execpath npm_execpath npm_command INIT_CWD NO_COLOR FORCE_COLOR CI
  HTTP_PROXY HTTPS_PROXY NO_PROXY ALL_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR UV_THREADPOOL_SIZE
  PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGDATA PGSSLMODE PGSSLROOTCERT PGAPPNAME PGOPTIONS PGSERVICE
  POSTGRES_USER POSTGRES_PASSWORD POSTGRES_DB POSTGRES_HOST POSTGRES_PORT POSTGRES_URL POSTGRES_PRISMA_URL
  POSTGRES_URL_NON_POOLING DATABASE_PUBLIC_URL DATABASE_PRIVATE_URL DATABASE_URL_UNPOOLED DATABASE_HOST DATABASE_PORT
  DATABASE_USER DATABASE_PASSWORD DATABASE_NAME DB_URL DB_HOST REDIS_URL REDIS_HOST MYSQL_URL AMQP_URL
  HEROKU_APP_ID HEROKU_APP_NAME HEROKU_SLUG_COMMIT HEROKU_RELEASE_VERSION HEROKU_POSTGRESQL_AMBER_URL DYNO WEB_CONCURRENCY
  RENDER RENDER_EXTERNAL_URL RENDER_SERVICE_ID RAILWAY_STATIC_URL RAILWAY_ENVIRONMENT FLY_APP_NAME FLY_REGION PRIMARY_REGION
  VERCEL VERCEL_URL K_SERVICE K_REVISION K_CONFIGURATION WEBSITE_HOSTNAME WEBSITES_PORT DIGITALOCEAN_TOKEN
  KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_PORT GATEHOUSE_SERVICE_HOST GATEHOUSE_PORT
  AWS_REGION AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN GOOGLE_APPLICATION_CREDENTIALS GOOGLE_CLOUD_PROJECT
  GCLOUD_PROJECT AZURE_CLIENT_ID AZURE_CLIENT_SECRET AZURE_TENANT_ID GITHUB_TOKEN GITHUB_ACTIONS GITHUB_ACTOR GITHUB_REF
  GITHUB_SHA GITHUB_REPOSITORY GITHUB_WORKSPACE GITHUB_RUN_ID GITLAB_CI GITLAB_USER_ID GITLAB_TOKEN CI_COMMIT_SHA
  BITBUCKET_BRANCH BITBUCKET_COMMIT SLACK_WEBHOOK_URL SLACK_BOT_TOKEN DISCORD_TOKEN TWITCH_TOKEN NOTION_TOKEN FIGMA_TOKEN
  OKTA_ORG_URL OKTA_TOKEN AUTH_CLIENT_ID AUTH_SECRET OKTA2_CLIENT_ID OKTA2_CLIENT_SECRET KEYCLOAK_ADMIN
  OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_ENDPOINT SENTRY_DSN NEW_RELIC_LICENSE_KEY DD_ENV DD_SERVICE DD_VERSION
  SECRET_KEY SECRET SESSION_SECRET COOKIE_SECRET JWT_SECRET API_KEY APP_URL PUBLIC_URL SITE_URL BASE_PATH LOG_FILE DATA
`;

function slipsOf(name: string): string[] {
  const places = Array.from(name, (_, at) => [name.slice(0, at), name.charAt(at), name.slice(at + 1)] as const);
  return [
    name.toLowerCase(),
    name.replaceAll('_', ''),
    `${name}X`,
    `${name}2`,
    ...places.flatMap(([before, letter, after]) => [
      before + after,
      `${before}X${letter}${after}`,
      `${before}X${after}`,
      `${before}${after.charAt(0)}${letter}${after.slice(1)}`,
    ]),
  ];
}

describe('a name that is almost a setting’s', () => {
  it.each([
    'SIGNUP',
    'sign_up',
    'Sign-Up',
    'SIGN_UPS',
    'SIGN_U',
    'SIHN_UP',
    'SINGUP',
    'SIGN_PU',
    'SIGN_UP2',
    '\u00a0SIGN_UP',
  ])('is found: %s', (name) => {
    expect(meantBy(name)).toEqual(['SIGN_UP']);
  });

  it('is found for every setting and every slip: a letter missing, added or wrong, neighbours swapped, a digit added', () => {
    // Of a shorter name one letter is too much of it: PORT and POST are two words.
    const names = SOME.filter((name) => name.replaceAll('_', '').length >= 6);
    const slips = names.flatMap(slipsOf).filter((slip) => !KNOWN.has(slip));
    const found = misspellings(Object.fromEntries(slips.map((slip) => [slip, 'x'])), KNOWN);
    const reported = new Set(found.map(({ setting }) => setting));
    // Without its digit, AUTH0 is the name of another program.
    expect(slips.filter((slip) => !reported.has(slip) && !slip.startsWith('AUTH_'))).toEqual([]);
  });

  it('is none of the settings themselves', () => {
    expect(misspellings(Object.fromEntries(NAMES.map((name) => [name, 'x'])), KNOWN)).toEqual([]);
  });

  it('is none that other programs use', () => {
    const environment = Object.fromEntries(
      ORDINARY.trim()
        .split(/\s+/)
        .map((name) => [name, 'x']),
    );
    const hit = misspellings(environment, KNOWN);
    expect(hit).toEqual([
      // The rule is about spelling alone: this one is lower case but for that a setting.
      { setting: 'host', meant: 'HOST' },
      { setting: 'port', meant: 'PORT' },
      { setting: 'SECRET_KEY', meant: 'SECRET_KEYS' },
    ]);
  });

  it('does not matter while it is empty', () => {
    expect(misspellings({ SIGNUP: ' ' }, KNOWN)).toEqual([]);
  });
});
