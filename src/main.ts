import '../scripts/node-version.js';
import type { Server } from 'node:http';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Config, loadConfig } from './config/config.js';
import { databasePlace } from './config/database-address.js';
import { runEntryPoint, UNHANDLED } from './config/entry-point.js';
import { readEnvironment } from './config/environment.js';
import { lastWords } from './config/last-words.js';
import { PlainError } from './config/plain-error.js';
import { isMentioned } from './config/provider-settings.js';
import { createHttpServer } from './ops/http-server.js';
import { Shutdown } from './shutdown.js';
import { stackFrames } from './text/stack-frames.js';

async function main(): Promise<void> {
  const shutdown = new Shutdown(fail);
  try {
    await start(shutdown);
  } catch (error) {
    // What had begun to start fails when it is stopped.
    if (!shutdown.hasBegun) throw error;
  }
}

async function start(shutdown: Shutdown): Promise<void> {
  const environment = readEnvironment();
  const { loadProviders, openIdProviders, PROVIDER_IDS } = await import('./providers/catalogue.js');
  // Google is the one that the stand-in plays where nobody is configured.
  const listed = await loadProviders((id) => id === 'google' || isMentioned(environment, id));
  const wanted = loadConfig(environment, listed, PROVIDER_IDS);
  const server = await listen(wanted);
  shutdown.server = server;
  const { port } = server.address() as { port: number };
  const config = wanted.port === 0 ? loadConfig({ ...environment, PORT: String(port) }, listed, PROVIDER_IDS) : wanted;
  const catalogue = [...listed, ...openIdProviders(config.oidcProviders)];

  // Loaded only now: a wrong setting is told at once, and nothing heavy is read for it.
  const [{ createLog }, { createApp }, { loadExtensions }, { decoratedHooks }] = await Promise.all([
    import('./ops/log.js'),
    import('./app.js'),
    import('./extensions.js'),
    import('./oauth/decorated-hooks.js'),
  ]);
  const logger = await createLog(config);
  shutdown.logger = logger;
  for (const { what, remedy } of config.warnings) logger.warn(`${what} ${remedy}`);
  const extensions = await loadExtensions(config.extensions);
  const hooks = decoratedHooks();
  const standIn = await standInFor(config);
  const starting = config.databaseUrl === undefined ? startEmbedded(config) : undefined;
  shutdown.database = starting;
  const embedded = await starting;
  try {
    const databaseUrl = config.databaseUrl ?? embedded?.url ?? '';
    const adminAccounts = standIn && config.adminAccounts.length === 0 ? [standIn.admin] : config.adminAccounts;
    shutdown.application = await createApp(
      { config: { ...config, adminAccounts }, databaseUrl, catalogue, extensions, standIn, hooks },
      server,
      logger,
    );
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
  if (config.production) logger.info(`Gatehouse serves ${config.baseUrl}`);
  else
    greet(config, embedded?.folder, standIn ? [] : catalogue.filter((known) => config.provider(known) !== undefined));
  stopWhenUnhandled(shutdown, logger);
}

/** From now on there are requests to finish: an error that no code handles is logged, and the stop is orderly. */
function stopWhenUnhandled(shutdown: Shutdown, logger: Logger): void {
  let hasFailed = false;
  const stop = (error: unknown) => {
    // One that repeats itself, by a timer, would fill the log until the end.
    if (hasFailed) return;
    hasFailed = true;
    const name = error instanceof Error ? error.name : typeof error;
    logger.fatal({ name, stack: stackFrames(error) }, 'Gatehouse stops because of an error that no code handles.');
    shutdown.begin(1);
  };
  for (const event of UNHANDLED) process.off(event, fail).on(event, stop);
}

/**
 * Takes the port first, so that one in use is reported before a database is started. Until the application runs, requests
 * get 503.
 */
async function listen(config: Config): Promise<Server> {
  const { host, port } = config;
  const server = createHttpServer(config.httpKeepAliveSeconds, (request, response) => {
    void import('./starting.js').then(({ startingApplication }) => void startingApplication(config)(request, response));
  });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new PlainError(listenProblem(error.code ?? '', host, port), { cause: error }));
    });
    server.listen(port, host, () => resolve(server));
  });
}

function listenProblem(code: string, host: string, port: number): string {
  if (code === 'EADDRINUSE') {
    return `Port ${port} on ${host} is taken by another process. Set PORT to another one, or PORT=0 for a free one.`;
  }
  if (code === 'EACCES') return `The system does not let this user listen on port ${port}. Set PORT to 1024 or more.`;
  return `HOST=${host} is not an address of this machine (${code}). Set HOST to one of its addresses, 127.0.0.1 or 0.0.0.0.`;
}

async function startEmbedded({ dataDir }: Config) {
  const { startEmbeddedPostgres } = await import('./database/embedded-postgres.js');
  return startEmbeddedPostgres({ folder: join(dataDir, 'postgres') });
}

/** The built-in provider, where no other is configured. Elsewhere the module is not even loaded. */
async function standInFor(config: Config) {
  if (!config.standIn) return undefined;
  const { ADA_ACCOUNT, StandInModule, standInSettings } = await import('./stand-in/stand-in.module.js');
  return { settings: { google: standInSettings(config) }, module: StandInModule.forRoot(config), admin: ADA_ACCOUNT };
}

/** @param configured the providers people sign in with; none where the stand-in plays Google */
function greet(
  { baseUrl, databaseUrl }: Config,
  folder: string | undefined,
  configured: readonly { readonly id: string; readonly label: string }[],
): void {
  const data = folder ?? `the database at ${databasePlace(databaseUrl ?? '')}`;
  const doors = configured.map(({ id, label }) => `  ${label.padEnd(9)}  redirect URI: ${baseUrl}/${id}/authorized\n`);
  const standIn =
    '  Google     a stand-in, because no provider is configured: every visitor can sign in as an administrator.\n' +
    '             Set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET for the real Google\n' +
    `             (redirect URI to register: ${baseUrl}/google/authorized)\n`;
  process.stdout.write(`\n  Gatehouse  ${baseUrl}\n  Data       ${data}\n${doors.join('') || standIn}\n`);
}

runEntryPoint(main, fail);

/** The last word of a process that could not start or stop: a sentence, and an exit code that says so. */
function fail(error: unknown): never {
  process.stderr.write(`\n${lastWords(error)}\n\n`);
  process.exit(1);
}
