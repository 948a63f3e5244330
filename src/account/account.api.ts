import { Controller, Get } from '@nestjs/common';
import { CurrentSession } from '../access/access.decorators.js';
import type { SignedIn } from '../access/signed-in.js';

@Controller('api/me')
export class AccountApi {
  @Get()
  me(@CurrentSession() { user, session }: SignedIn) {
    const { id, provider, signedInAt, expiresAt } = session;
    return { ...user, session: { id, provider, signedInAt, expiresAt } };
  }
}
