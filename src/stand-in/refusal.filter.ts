import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { Response } from 'express';
import { AuthorizationRefusal, OAuthRefusal } from './stand-in.errors.js';

/** Says no in the protocol's own words. A StandInError passes by: it is a page like any other error. */
@Catch(OAuthRefusal, AuthorizationRefusal)
export class RefusalFilter implements ExceptionFilter<OAuthRefusal | AuthorizationRefusal> {
  catch(refusal: OAuthRefusal | AuthorizationRefusal, host: ArgumentsHost): void {
    const response = host.switchToHttp().getResponse<Response>();
    response.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' });
    if (refusal instanceof AuthorizationRefusal) {
      response.redirect(303, refusal.location);
      return;
    }
    if (refusal.challenge !== undefined) response.set('WWW-Authenticate', refusal.challenge);
    response.status(refusal.status).json({ error: refusal.error, error_description: refusal.message });
  }
}
