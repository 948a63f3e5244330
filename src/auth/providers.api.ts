import { Controller, Get } from '@nestjs/common';
import { z } from 'zod';
import { Public } from '../access/access.decorators.js';
import { ApiRoute } from '../api/api-route.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { type SignInLink, signInLinks } from './sign-in-links.js';

const providers = z.array(
  z
    .object({
      id: z.string(),
      label: z.string(),
      signInUrl: z.string().describe('The path where a browser begins.'),
    })
    .meta({ id: 'Provider' }),
);

@Controller('api/providers')
export class ProvidersApi {
  constructor(private readonly registry: ProviderRegistry) {}

  @Get()
  @Public()
  @ApiRoute({ summary: 'The ways to sign in here.', answer: providers })
  list(): readonly SignInLink[] {
    return signInLinks(this.registry).providers.map(({ id, label, signInUrl }) => ({ id, label, signInUrl }));
  }
}
