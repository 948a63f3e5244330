import { Inject, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import type { Request, Response } from 'express';
import { type OwnCookie, ownCookie } from '../access/own-cookie.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { own } from '../text/own.js';

const LIFETIME_MS = 10 * 60_000;

/** Carries the token of what this browser has proven and nobody has said yes to yet. */
@Injectable()
export class PendingLinkCookie {
  readonly #cookie: OwnCookie;

  constructor(@Inject(CONFIG) config: Config) {
    this.#cookie = ownCookie('pending-link', config);
  }

  read(request: Request): string | undefined {
    return own(parseCookie(request.headers.cookie ?? ''), this.#cookie.name);
  }

  write(response: Response, token: string): void {
    response.cookie(this.#cookie.name, token, { ...this.#cookie.options, maxAge: LIFETIME_MS });
  }

  clear(response: Response): void {
    response.clearCookie(this.#cookie.name, this.#cookie.options);
  }
}
