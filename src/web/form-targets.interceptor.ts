import { type CallHandler, type ExecutionContext, Injectable, type NestInterceptor } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import type { Observable } from 'rxjs';
import { FORMS_LEAD_TO_PROVIDER } from '../access/access.decorators.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { contentSecurityPolicy } from './security-headers.js';

/**
 * Gives the pages of `@FormsLeadToProvider()` a policy that lets their forms arrive.
 *
 * Chromium checks `form-action` against every redirect after a form was submitted (w3c/webappsec-csp#8). Which hosts a
 * provider redirects through only the provider knows, so any https address is allowed, and plain http only where the
 * settings name it.
 */
@Injectable()
export class FormTargetsInterceptor implements NestInterceptor {
  constructor(
    private readonly reflector: Reflector,
    private readonly registry: ProviderRegistry,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    if (this.reflector.get<boolean | undefined>(FORMS_LEAD_TO_PROVIDER, context.getHandler())) {
      const origins = this.registry.list().flatMap(({ authorizationOrigins }) => authorizationOrigins);
      const policy = contentSecurityPolicy([
        'https:',
        ...new Set(origins.filter((origin) => origin.startsWith('http:'))),
      ]);
      const http = context.switchToHttp();
      policy(http.getRequest<Request>(), http.getResponse<Response>(), () => undefined);
    }
    return next.handle();
  }
}
