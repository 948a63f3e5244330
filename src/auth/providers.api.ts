import { Controller, Get } from '@nestjs/common';
import { Public } from '../access/access.decorators.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { type SignInLink, signInLinks } from './sign-in-links.js';

@Controller('api/providers')
export class ProvidersApi {
  constructor(private readonly registry: ProviderRegistry) {}

  @Get()
  @Public()
  list(): readonly SignInLink[] {
    return signInLinks(this.registry).providers.map(({ id, label, signInUrl }) => ({ id, label, signInUrl }));
  }
}
