import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CurrentActor, CurrentUser, FormsLeadToProvider, RecentSignIn } from '../access/access.decorators.js';
import type { Actor } from '../access/client.js';
import type { SignedInUser } from '../access/signed-in.js';
import { SignInRefusedError } from '../auth/auth.errors.js';
import { MergeService } from '../auth/merge.service.js';
import { PendingLinkCookie } from '../auth/pending-link-cookie.js';
import { PendingLinks } from '../auth/pending-links.service.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { ProviderNames } from './provider-names.js';
import { moment } from './wording.js';

/** What has been proven in this browser and waits for a yes. A page shows it whole; nothing comes of it but by its button. */
@Controller('account')
export class WaitingController {
  constructor(
    private readonly providers: ProviderNames,
    private readonly pendingLinks: PendingLinks,
    private readonly merging: MergeService,
    private readonly cookie: PendingLinkCookie,
    private readonly sessionCookie: SessionCookie,
  ) {}

  @Get('link/confirm')
  @FormsLeadToProvider()
  async link(@CurrentUser() user: SignedInUser, @Req() request: Request, @Res() response: Response): Promise<void> {
    const token = this.cookie.read(request);
    if (token === undefined) {
      nothingWaits(response);
      return;
    }
    const pending = await this.pendingLinks.find(token, 'link', user.id);
    if (!pending) throw new SignInRefusedError('email_in_use', []);
    const { provider, email, name } = pending;
    response.render('confirm-link', {
      title: 'Link this account?',
      provider: this.providers.of(provider),
      account: { email, name },
      user: profileOf(user),
    });
  }

  @Post('link/confirm')
  @RecentSignIn()
  async confirmLink(@CurrentActor() actor: Actor, @Req() request: Request, @Res() response: Response): Promise<void> {
    const token = await this.pendingLinks.confirmLink(this.cookie.read(request) ?? '', actor);
    this.sessionCookie.write(response, token);
    this.cookie.clear(response);
    response.redirect(303, '/account');
  }

  @Get('merge')
  @FormsLeadToProvider()
  async merge(@CurrentUser() user: SignedInUser, @Req() request: Request, @Res() response: Response): Promise<void> {
    const token = this.cookie.read(request);
    if (token === undefined) {
      nothingWaits(response);
      return;
    }
    const { accounts, sessions, other } = await this.merging.preview(token, user.id);
    response.render('merge', {
      title: 'Join two profiles?',
      user: profileOf(user),
      other: { name: other.name, email: other.email, since: moment(other.createdAt) },
      accounts: accounts.map(({ provider, email, name }) => ({
        provider: this.providers.of(provider),
        email,
        name,
      })),
      sessions,
      one: sessions === 1,
      // The rest of what MergeService.merge makes of the two.
      takesAddress: other.emailVerified && !user.emailVerified,
    });
  }

  @Post('merge')
  @RecentSignIn()
  async confirmMerge(@CurrentActor() actor: Actor, @Req() request: Request, @Res() response: Response): Promise<void> {
    this.sessionCookie.write(response, await this.merging.merge(this.cookie.read(request) ?? '', actor));
    this.cookie.clear(response);
    response.redirect(303, '/account');
  }
}

function profileOf({ name, email, emailVerified }: SignedInUser) {
  return { name, email, emailVerified };
}

function nothingWaits(response: Response): void {
  response.render('nothing-waits', { title: 'Nothing waits' });
}
