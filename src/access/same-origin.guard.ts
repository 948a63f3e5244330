import { type CanActivate, type ExecutionContext, Inject, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { CROSS_SITE_FORM } from './access.decorators.js';
import { AccessError } from './access.errors.js';

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Refuses requests that another site makes a browser send (cross-site request forgery).
 *
 * Every current browser says where a request comes from (Fetch Metadata), older ones send `Origin` with every POST.
 * A client that sends neither is no browser and carries no cookies of somebody else.
 */
@Injectable()
export class SameOriginGuard implements CanActivate {
  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly reflector: Reflector,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<Request>();
    if (SAFE_METHODS.has(request.method)) return true;
    if (this.reflector.get<boolean | undefined>(CROSS_SITE_FORM, context.getHandler())) return true;
    const site = request.get('sec-fetch-site');
    const origin = request.get('origin');
    if (site !== undefined) {
      if (site !== 'same-origin' && site !== 'none') throw AccessError.crossOrigin();
    } else if (origin !== undefined && origin !== this.config.baseUrl) {
      throw AccessError.crossOrigin();
    }
    return true;
  }
}

/** Whether another site caused this navigation. Typed addresses, bookmarks and our own pages did not. */
export function causedByAnotherSite(request: Request): boolean {
  const site = request.get('sec-fetch-site');
  return site === 'cross-site' || site === 'same-site';
}
