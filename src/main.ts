import '../scripts/node-version.js';
import type { Server } from 'node:http';
import { join } from 'node:path';
import { type Config, loadConfig } from './config/config.js';
import { databasePlace } from './config/database-address.js';
import { runEntryPoint, UNHANDLED } from './config/entry-point.js';
import { readEnvironment } from './config/environment.js';
import { lastWords } from './config/last-words.js';
import { PlainError } from './config/plain-error.js';
import { isMentioned } from './config/provider-settings.js';
import { createHttpServer } from './ops/http-server.js';
import { stackFrames } from './text/stack-frames.js';

/** Longer than the longest sign-in (8 s): whoever is on the way in gets in. */
const DRAIN_LIMIT_MS = 10_000;
/** The whole stop, whatever does not end by itself. Nothing is lost: what was not finished is undone or done again. */
const STOP_LIMIT_MS = 12_000;

async function main(): Promise<void> {
  const environment = readEnvironment();
  const { loadProviders, openIdProviders, PROVIDER_IDS } = await import('./providers/catalogue.js');
  // Google is the one that the stand-in plays where nobody is configured.
  const listed = await loadProviders((id) => id === 'google' || isMentioned(environment, id));
  const wanted = loadConfig(environment, listed, PROVIDER_IDS);
  const server = await listen(wanted);
  const { port } = server.address() as { port: number };
  const config = wanted.port === 0 ? loadConfig({ ...environment, PORT: String(port) }, listed, PROVIDER_IDS) : wanted;
  const catalogue = [...listed, ...openIdProviders(config.oidcProviders)];

  // Loaded only now: a wrong setting is told at once, and nothing heavy is read for it.
  const [{ createLog }, { createApp }, { loadExtensions }, { decoratedHooks }, { Readiness }] = await Promise.all([
    import('./ops/log.js'),
    import('./app.js'),
    import('./extensions.js'),
    import('./oauth/decorated-hooks.js'),
    import('./ops/readiness.js'),
  ]);
  const logger = await createLog(config);
  for (const { what, remedy } of config.warnings) logger.warn(`${what} ${remedy}`);
  const extensions = await loadExtensions(config.extensions);
  const hooks = decoratedHooks();
  const standIn = await standInFor(config);
  const embedded = config.databaseUrl === undefined ? await startEmbedded(config) : undefined;
  try {
    const databaseUrl = config.databaseUrl ?? embedded?.url ?? '';
    const adminAccounts = standIn && config.adminAccounts.length === 0 ? [standIn.admin] : config.adminAccounts;
    const app = await createApp(
      { config: { ...config, adminAccounts }, databaseUrl, catalogue, extensions, standIn, hooks },
      server,
      logger,
    );
    if (config.production) logger.info(`Gatehouse serves ${config.baseUrl}`);
    else
      greet(config, embedded?.folder, standIn ? [] : catalogue.filter((known) => config.provider(known) !== undefined));

    let stopping = false;
    const stop = (exitCode: 0 | 1) => {
      if (stopping) return;
      stopping = true;
      app.get(Readiness).stopping = true;
      setTimeout(() => {
        logger.warn(`The stop took longer than ${STOP_LIMIT_MS / 1000} seconds and was cut short.`);
        // A stop that was asked for loses nothing: 0, as for one that needed less time.
        process.exit(exitCode);
      }, STOP_LIMIT_MS);
      void drain(server)
        .then(() => app.close())
        .then(() => embedded?.stop())
        // The database's connections are closed and nothing is left to wait for; a timer of a library must not keep us.
        .then(() => process.exit(exitCode), fail);
    };
    process.on('SIGTERM', () => stop(0));
    process.on('SIGINT', () => stop(0));
    let failed = false;
    const stopFailed = (error: unknown) => {
      // One that repeats itself, by a timer, would fill the log until the end.
      if (failed) return;
      failed = true;
      const name = error instanceof Error ? error.name : typeof error;
      logger.fatal({ name, stack: stackFrames(error) }, 'Gatehouse stops because of an error that no code handles.');
      stop(1);
    };
    UNHANDLED.forEach((event) => process.off(event, fail).on(event, stopFailed));
  } catch (error) {
    await embedded?.stop();
    throw error;
  }
}

/** Takes the port first, so that a taken one is told before a database is started. Until then: come back in a moment. */
async function listen({ host, port, httpKeepAliveSeconds }: Config): Promise<Server> {
  const server = createHttpServer(httpKeepAliveSeconds, (_request, response) => {
    response.writeHead(503, { 'Retry-After': '1', 'Content-Type': 'text/plain' }).end('Starting.\n');
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

/** No new connections; idle ones close, running requests finish, within a limit. */
async function drain(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  const idle = setInterval(() => server.closeIdleConnections(), 50);
  const limit = setTimeout(() => server.closeAllConnections(), DRAIN_LIMIT_MS);
  await closed;
  clearInterval(idle);
  clearTimeout(limit);
}

runEntryPoint(main, fail);

/** The last word of a process that could not start or stop: a sentence, and an exit code that says so. */
function fail(error: unknown): never {
  process.stderr.write(`\n${lastWords(error)}\n\n`);
  process.exit(1);
}
