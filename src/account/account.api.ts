import { Controller, Delete, Get, HttpCode, Param, ParseUUIDPipe, Req } from '@nestjs/common';
import type { Request } from 'express';
import { CurrentSession, CurrentUser, RecentSignIn } from '../access/access.decorators.js';
import { clientOf } from '../access/client.js';
import type { SignedIn, SignedInUser } from '../access/signed-in.js';
import { OAuthAccountError } from '../oauth-accounts/oauth-accounts.errors.js';
import { OAuthAccountsService } from '../oauth-accounts/oauth-accounts.service.js';

/** An id that is none is as unknown as any other. */
class IdPipe extends ParseUUIDPipe {
  constructor() {
    super({ exceptionFactory: () => OAuthAccountError.notFound() });
  }
}

@Controller('api/me')
export class AccountApi {
  constructor(private readonly accounts: OAuthAccountsService) {}

  @Get()
  me(@CurrentSession() { user, session }: SignedIn) {
    const { id, provider, signedInAt, expiresAt } = session;
    return { ...user, session: { id, provider, signedInAt, expiresAt } };
  }

  @Get('accounts')
  async linkedAccounts(@CurrentUser() user: SignedInUser) {
    const accounts = await this.accounts.listOfUser(user.id);
    return accounts.map((account) => ({
      id: account.id,
      provider: account.provider,
      subject: account.subject,
      email: account.email,
      emailVerified: account.emailVerified,
      name: account.name,
      pictureUrl: account.pictureUrl,
      scopes: account.scopes,
      health: account.health,
      linkedAt: account.linkedAt,
      lastUsedAt: account.lastUsedAt,
    }));
  }

  @Delete('accounts/:id')
  @RecentSignIn()
  @HttpCode(204)
  async unlink(
    @CurrentUser() user: SignedInUser,
    @Param('id', IdPipe) id: string,
    @Req() request: Request,
  ): Promise<void> {
    await this.accounts.unlink(user.id, id, user.id, clientOf(request));
  }
}
