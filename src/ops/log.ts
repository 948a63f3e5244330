import type { LoggerService } from '@nestjs/common';
import { type Logger, pino } from 'pino';
import type { Config } from '../config/config.js';

/** The one logger of the process, in lines of JSON or, for people at a terminal, in plain text. */
export async function createLog({ logLevel, logFormat }: Pick<Config, 'logLevel' | 'logFormat'>): Promise<Logger> {
  const options = { level: logLevel, base: undefined, timestamp: pino.stdTimeFunctions.isoTime };
  if (logFormat === 'json') return pino(options);
  const { default: pretty } = await import('pino-pretty');
  return pino(options, pretty({ sync: true, singleLine: true, translateTime: 'HH:MM:ss', ignore: 'pid,hostname' }));
}

/** Nest tells every module and route at a start: a hundred lines nobody reads twice. */
const NEST_START = new Set(['NestFactory', 'InstanceLoader', 'RoutesResolver', 'RouterExplorer', 'NestApplication']);

const START_FAILURE = new Set(['ExceptionHandler', 'TypeOrmModule']);

/** What Nest and our rooms log through: a sentence, or an object with an `event`. */
export class NestLog implements LoggerService {
  constructor(private readonly log_: Logger) {}

  log(message: unknown, ...rest: unknown[]): void {
    this.#write(NEST_START.has(String(rest.at(-1))) ? 'debug' : 'info', message, rest);
  }

  warn(message: unknown, ...rest: unknown[]): void {
    this.#write('warn', message, rest);
  }

  error(message: unknown, ...rest: unknown[]): void {
    // What ends a start is told once, by main, in a sentence for the person at the terminal.
    if (START_FAILURE.has(String(rest.at(-1)))) return;
    this.#write('error', message, rest);
  }

  debug(message: unknown, ...rest: unknown[]): void {
    this.#write('debug', message, rest);
  }

  verbose(message: unknown, ...rest: unknown[]): void {
    this.#write('trace', message, rest);
  }

  #write(level: 'info' | 'warn' | 'error' | 'debug' | 'trace', message: unknown, rest: unknown[]): void {
    // Nest appends the name of the logger; whatever else comes along (stacks, objects of libraries) is not for the log.
    const room = rest.filter((part) => typeof part === 'string').at(-1);
    if (typeof message === 'object' && message !== null && !(message instanceof Error)) {
      const { event, ...facts } = message as { event?: string };
      this.log_[level]({ room, ...facts }, event ?? '');
    } else {
      this.log_[level]({ room }, message instanceof Error ? message.message : String(message));
    }
  }
}
