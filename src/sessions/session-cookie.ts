import { Inject, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import type { CookieOptions, Request, Response } from 'express';
import { ownCookie } from '../access/own-cookie.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { own } from '../text/own.js';

const DAY_MS = 24 * 3600_000;

/** The cookie that carries a session's token: `__Host-gatehouse`, over plain http `gatehouse-<port>`. */
@Injectable()
export class SessionCookie {
  readonly name: string;
  readonly #options: CookieOptions;
  readonly #maxAge: number;

  constructor(@Inject(CONFIG) config: Config) {
    const { name, options } = ownCookie('gatehouse', config);
    this.name = name;
    this.#options = options;
    this.#maxAge = config.sessionAbsoluteDays * DAY_MS;
  }

  /** The token of this browser. Two cookies of the name (one planted by a neighbour host) count as none. */
  read(request: Request): string | undefined {
    const values = (request.headers.cookie ?? '')
      .split(';')
      .map((pair) => own(parseCookie(pair), this.name))
      .filter((value) => value !== undefined);
    return values.length === 1 ? values[0] : undefined;
  }

  write(response: Response, token: string): void {
    response.cookie(this.name, token, { ...this.#options, maxAge: this.#maxAge });
  }

  clear(response: Response): void {
    response.clearCookie(this.name, this.#options);
  }
}
