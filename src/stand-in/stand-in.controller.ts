import { Controller, Get, HttpCode, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { Public } from '../access/access.decorators.js';
import { PEOPLE } from './people.js';
import { EndpointError, StandInError } from './stand-in.errors.js';
import { type Fields, StandInProvider } from './stand-in.provider.js';

const SCOPE_MEANINGS: Readonly<Record<string, string>> = {
  openid: 'Know who you are',
  email: 'See your email address',
  profile: 'See your name',
};

@Controller('stand-in')
@Public()
export class StandInController {
  constructor(private readonly provider: StandInProvider) {}

  @Get('authorize')
  consent(@Req() { query }: Request, @Res() response: Response): void {
    const { request, scopes } = this.provider.begin(single(query));
    response.set('Cache-Control', 'no-store').render('stand-in/consent', {
      title: 'Choose a person – not Google',
      clientName: 'Gatehouse',
      scopes: scopes.map((name) => ({ name, meaning: SCOPE_MEANINGS[name] ?? 'Something of its own' })),
      people: PEOPLE.map(({ subject, name, givenName, familyName, email, note }) => {
        return { subject, name, email, note, initials: `${givenName[0] ?? ''}${familyName[0]?.toUpperCase() ?? ''}` };
      }),
      request,
      action: '/stand-in/authorize',
    });
  }

  @Post('authorize')
  decide(@Req() { body }: Request, @Res() response: Response): void {
    const { request, subject, answer } = bodyOf(body);
    response.set('Cache-Control', 'no-store').redirect(303, this.provider.decide(request, { subject, answer }));
  }

  @Post('token')
  @HttpCode(200)
  async token(@Req() request: Request, @Res() response: Response): Promise<void> {
    const body = bodyOf(request.body);
    await answerWith(response, () => this.provider.token(body, request.get('authorization')));
  }

  @Get('userinfo')
  async userinfo(@Req() request: Request, @Res() response: Response): Promise<void> {
    await answerWith(response, () => this.provider.userinfo(request.get('authorization')));
  }

  @Post('revoke')
  @HttpCode(200)
  revoke(@Req() { body }: Request, @Res() response: Response): void {
    this.provider.revoke(bodyOf(body));
    response.status(200).end();
  }

  @Get('.well-known/openid-configuration')
  metadata(@Res() response: Response): void {
    response.json(this.provider.metadata);
  }

  @Get('keys')
  async keys(@Res() response: Response): Promise<void> {
    response.json(await this.provider.keys());
  }
}

/** RFC 6749 §5.1 and §5.2: JSON that nobody keeps. */
async function answerWith(response: Response, work: () => object | Promise<object>): Promise<void> {
  response.set({ 'Cache-Control': 'no-store', Pragma: 'no-cache' });
  try {
    response.json(await work());
  } catch (error) {
    if (!(error instanceof EndpointError)) throw error;
    if (error.status === 401) response.set('WWW-Authenticate', `Bearer error="${error.error}"`);
    response.status(error.status).json({ error: error.error });
  }
}

function bodyOf(body: unknown): Fields {
  return single((body ?? {}) as Record<string, unknown>);
}

/** RFC 6749 §3.1: parameters must not be included more than once. */
function single(fields: Record<string, unknown>): Fields {
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') throw new StandInError(`The parameter ${name} must appear once.`);
  }
  return fields as Fields;
}
