import { Controller, Get, Head, HttpCode, Post, Req, Res, type Type, UseGuards } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CrossSiteForm, FormsLeadToProvider, Public, RecentSignIn } from '../access/access.decorators.js';
import { referenceOf } from '../access/client.js';
import { AuthorizationHandler } from './authorization-handler.js';
import { FailureRecorder } from './failure-recorder.js';
import { CallbackLeg, LinkLeg, OAuthGuard, type OAuthOutcome } from './oauth.guard.js';
import { MethodNotAllowedError } from '../access/access.errors.js';
import type { OAuthProvider } from './provider.js';
import { REAUTHENTICATE } from './reauthentication.js';

/** The routes of one provider: begin a sign-in, and come back from it. */
export function OAuthController({ id, label, mark, quirks }: OAuthProvider): Type {
  const withoutInherited = (path: string) => (quirks?.appendsFragment && !path.includes('#') ? `${path}#` : path);

  @Public()
  @Controller(id)
  class ProviderController {
    constructor(
      private readonly handler: AuthorizationHandler,
      private readonly failures: FailureRecorder,
    ) {}

    // Express would answer HEAD with the handler of GET, and a link checker would begin or finish a sign-in.
    @Head(['', 'authorized'])
    head(): never {
      throw new MethodNotAllowedError('GET');
    }

    @Get()
    @UseGuards(OAuthGuard(id))
    @FormsLeadToProvider()
    begin(@Req() request: Request, @Res() response: Response): void {
      if (request.oauth) return leave(request.oauth, response);
      response.render('confirm-sign-in', {
        title: `Sign in with ${label}`,
        provider: { id, label, mark },
        action: `/${id}`,
        returnTo: typeof request.query.returnTo === 'string' ? request.query.returnTo : '/',
        reauthenticate: request.query[REAUTHENTICATE] === '1',
        consent: typeof request.query.consent === 'string' ? request.query.consent : undefined,
      });
    }

    @Post()
    @HttpCode(303)
    @UseGuards(OAuthGuard(id))
    beginByForm(@Req() request: Request, @Res() response: Response): void {
      if (request.oauth) leave(request.oauth, response);
    }

    @Get('authorized')
    @CallbackLeg()
    @UseGuards(OAuthGuard(id))
    async authorized(@Req() request: Request, @Res() response: Response): Promise<void> {
      if (!request.oauth) throw new TypeError('the route has no guard');
      if (!('authorization' in request.oauth)) {
        leave(request.oauth, response, withoutInherited);
        return;
      }
      const { authorization } = request.oauth;
      const next = await this.failures.watch(id, referenceOf(request), () =>
        this.failures.record(authorization.attempt, () => this.handler.complete(authorization, request, response)),
      );
      response.redirect(303, withoutInherited(next));
    }
  }
  if (quirks?.responseMode !== 'form_post') return ProviderController;

  @Public()
  @Controller(id)
  class FormPostController extends ProviderController {
    // OAuth 2.0 Form Post Response Mode: the provider makes the browser send the callback. The state in the attempt's
    // own cookie says that this browser began it, as with the callback that is an address.
    @Post('authorized')
    @CrossSiteForm()
    @CallbackLeg()
    @UseGuards(OAuthGuard(id))
    async authorizedByForm(@Req() request: Request, @Res() response: Response): Promise<void> {
      await this.authorized(request, response);
    }
  }
  return FormPostController;
}

/** Where somebody who is signed in begins to add an account of this provider to who they are. */
export function OAuthLinkController({ id }: OAuthProvider): Type {
  @Controller('account/link')
  class ProviderLinkController {
    @Post(id)
    @RecentSignIn()
    @LinkLeg()
    @UseGuards(OAuthGuard(id))
    begin(@Req() request: Request, @Res() response: Response): void {
      if (request.oauth) leave(request.oauth, response);
    }
  }
  return ProviderLinkController;
}

/** Sends the person on, or ends a prefetch with nothing. */
function leave(outcome: OAuthOutcome, response: Response, address = (location: string) => location): void {
  if ('location' in outcome) response.redirect(303, address(outcome.location));
  else response.status(204).end();
}
