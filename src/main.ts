import type { Server } from 'node:http';
import { join } from 'node:path';
import { type Config, ConfigurationError, loadConfig } from './config/config.js';
import { readEnvironment } from './config/environment.js';
import { lastWords, PlainError } from './config/plain-error.js';
import { isMentioned, type KnownProvider } from './config/provider-settings.js';
import { createHttpServer } from './ops/http-server.js';

/** Longer than the longest sign-in (8 s): whoever is on the way in gets in. */
const DRAIN_LIMIT_MS = 10_000;
/** The whole stop, whatever does not end by itself. Nothing is lost: what was not finished is undone or done again. */
const STOP_LIMIT_MS = 12_000;

async function main(): Promise<void> {
  const environment = readEnvironment();
  const { loadProviders, openIdProviders } = await import('./providers/catalogue.js');
  // Google is the one that the stand-in plays where nobody is configured.
  const listed = await loadProviders((id) => id === 'google' || isMentioned(environment, id));
  const wanted = loadConfig(environment, listed);
  const server = await listen(wanted);
  const { port } = server.address() as { port: number };
  const config = wanted.port === 0 ? loadConfig({ ...environment, PORT: String(port) }, listed) : wanted;
  const catalogue = [...listed, ...openIdProviders(config.oidcProviders)];

  // Loaded only now: a wrong setting is told at once, and nothing heavy is read for it.
  const [{ createLog }, { createApp }, { loadExtensions }, { Readiness }] = await Promise.all([
    import('./ops/log.js'),
    import('./app.js'),
    import('./extensions.js'),
    import('./ops/readiness.js'),
  ]);
  const logger = await createLog(config);
  for (const warning of config.warnings) logger.warn(warning);
  const extensions = await loadExtensions(config.extensions);
  const standIn = await standInFor(config, catalogue);
  const embedded = config.databaseUrl === undefined ? await startEmbedded(config) : undefined;
  try {
    const databaseUrl = config.databaseUrl ?? embedded?.url ?? '';
    const adminAccounts = standIn && config.adminAccounts.length === 0 ? [standIn.admin] : config.adminAccounts;
    const app = await createApp(
      { config: { ...config, adminAccounts }, databaseUrl, catalogue, extensions, standIn },
      server,
      logger,
    );
    if (config.production) logger.info(`Gatehouse serves ${config.baseUrl}`);
    else
      greet(config, embedded?.folder, standIn ? [] : catalogue.filter((known) => config.provider(known) !== undefined));

    let stopping = false;
    const stop = () => {
      if (stopping) return;
      stopping = true;
      app.get(Readiness).stopping = true;
      setTimeout(() => {
        logger.warn(`The stop took longer than ${STOP_LIMIT_MS / 1000} seconds and was cut short.`);
        process.exit(0);
      }, STOP_LIMIT_MS);
      void drain(server)
        .then(() => app.close())
        .then(() => embedded?.stop())
        // The database's connections are closed and nothing is left to wait for; a timer of a library must not keep us.
        .then(() => process.exit(0), fail);
    };
    process.on('SIGTERM', stop);
    process.on('SIGINT', stop);
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
      const reason =
        error.code === 'EADDRINUSE' ? 'is taken by another process' : `cannot be used (${error.code ?? ''})`;
      reject(new PlainError(`Port ${port} on ${host} ${reason}. Set PORT to another one, or PORT=0 for a free one.`));
    });
    server.listen(port, host, () => resolve(server));
  });
}

async function startEmbedded({ dataDir }: Config) {
  const { startEmbeddedPostgres } = await import('./database/embedded-postgres.js');
  return startEmbeddedPostgres({ folder: join(dataDir, 'postgres') });
}

/** The built-in provider, where nobody configured a real one. Never in production: the module is not even loaded. */
async function standInFor(config: Config, catalogue: readonly KnownProvider[]) {
  if (config.production || catalogue.some((known) => config.provider(known) !== undefined)) return undefined;
  const { isLoopback } = await import('./config/web-address.js');
  if (!isLoopback(config.host)) {
    throw new ConfigurationError([
      { setting: 'HOST', message: 'must be a loopback address while the stand-in plays Google; or set GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET' }, // prettier-ignore
    ]);
  }
  const { ADA_ACCOUNT, StandInModule, standInSettings } = await import('./stand-in/stand-in.module.js');
  return { settings: { google: standInSettings(config) }, module: StandInModule.forRoot(config), admin: ADA_ACCOUNT };
}

/** @param configured the providers people sign in with; none where the stand-in plays Google */
function greet(
  { baseUrl, databaseUrl }: Config,
  folder: string | undefined,
  configured: readonly { readonly id: string; readonly label: string }[],
): void {
  const data = folder ?? `the database at ${new URL(databaseUrl ?? '').host}`;
  const doors = configured.map(({ id, label }) => `  ${label.padEnd(9)}  redirect URI: ${baseUrl}/${id}/authorized\n`);
  const standIn =
    '  Google     a built-in stand-in, until GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET are set\n' +
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

main().catch(fail);

/** The last word of a process that could not start or stop: a sentence, and an exit code that says so. */
function fail(error: unknown): never {
  process.stderr.write(`\n${lastWords(error)}\n\n`);
  process.exit(1);
}
