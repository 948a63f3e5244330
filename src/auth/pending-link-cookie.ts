import { Inject, Injectable } from '@nestjs/common';
import { parseCookie } from 'cookie';
import type { CookieOptions, Request, Response } from 'express';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';

const LIFETIME_MS = 10 * 60_000;

/** Carries the token of what this browser has proven and nobody has said yes to yet. */
@Injectable()
export class PendingLinkCookie {
  readonly #name: string;
  readonly #options: CookieOptions;

  constructor(@Inject(CONFIG) config: Config) {
    this.#name = config.https ? '__Host-pending-link' : 'pending-link';
    this.#options = { httpOnly: true, secure: config.https, sameSite: 'lax', path: '/' };
  }

  read(request: Request): string | undefined {
    return parseCookie(request.headers.cookie ?? '')[this.#name];
  }

  write(response: Response, token: string): void {
    response.cookie(this.#name, token, { ...this.#options, maxAge: LIFETIME_MS });
  }

  clear(response: Response): void {
    response.clearCookie(this.#name, this.#options);
  }
}
