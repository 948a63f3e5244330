import {
  Body,
  Controller,
  Get,
  Header,
  Headers,
  HttpCode,
  Post,
  Query,
  Redirect,
  Render,
  Req,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import type { Request } from 'express';
import { z } from 'zod';
import { Public } from '../access/access.decorators.js';
import { authorizationResponse, denial, readAuthorizationRequest } from './authorization-request.js';
import { bearerToken, unauthorized } from './bearer-token.js';
import { authenticateClient } from './client-authentication.js';
import { claimsOf, PEOPLE, personBySubject, SCOPES } from './people.js';
import { meaningOf, scopeNames } from './scopes.js';
import { RefusalFilter } from './refusal.filter.js';
import { Registration } from './registration.js';
import { clientForm, formOf, readForm, revocationForm, tokenForms } from './request-form.js';
import { SigningKey } from './signing-key.js';
import { OAuthRefusal, StandInError } from './stand-in.errors.js';
import { StandInTokens, type TokenAnswer } from './stand-in-tokens.js';
import { ThisMachineGuard } from './this-machine.guard.js';

/** What the consent page posts back: the request it was shown for, and one answer. */
const choice = z.union([
  z.strictObject({ request: z.string(), subject: z.string() }),
  z.strictObject({ request: z.string(), answer: z.literal('no') }),
]);

@Public()
@UseGuards(ThisMachineGuard)
@UseFilters(RefusalFilter)
@Controller('stand-in')
export class StandInController {
  constructor(
    private readonly registration: Registration,
    private readonly tokens: StandInTokens,
    private readonly signingKey: SigningKey,
  ) {}

  /** OpenID Connect Discovery §3, RFC 8414 §2, RFC 9207 §3. */
  @Get('.well-known/openid-configuration')
  discovery() {
    const authMethods = ['client_secret_post', 'client_secret_basic'];
    return {
      issuer: this.registration.issuer,
      ...this.registration.endpoints,
      scopes_supported: scopeNames(),
      response_types_supported: ['code'],
      response_modes_supported: ['query'],
      grant_types_supported: Object.keys(tokenForms),
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['RS256'],
      token_endpoint_auth_methods_supported: authMethods,
      revocation_endpoint_auth_methods_supported: [...authMethods, 'none'],
      code_challenge_methods_supported: ['S256'],
      claims_supported: [...Object.values(SCOPES).flatMap(({ claims }) => claims), 'auth_time'],
      claims_parameter_supported: false,
      request_parameter_supported: false,
      request_uri_parameter_supported: false,
      authorization_response_iss_parameter_supported: true,
    };
  }

  @Get('keys')
  keys() {
    return this.signingKey.keySet();
  }

  @Get('authorize')
  @Header('Cache-Control', 'no-store')
  @Render('stand-in/consent')
  consent(@Query() query: Readonly<Record<string, unknown>>) {
    const request = readAuthorizationRequest(this.registration, query);
    return {
      title: 'Sign in at the stand-in for Google',
      clientName: 'Gatehouse',
      scopes: request.scopes.map((name) => ({ name, meaning: meaningOf(name) })),
      people: PEOPLE.map(({ claims: { sub, name, email = '' }, initials, note }) => {
        return { subject: sub, name, email, note, initials };
      }),
      request: this.tokens.sealRequest(request),
      action: '/stand-in/authorize',
    };
  }

  @Post('authorize')
  @Header('Cache-Control', 'no-store')
  @Redirect('', 303)
  choose(@Body() body: unknown): { url: string } {
    const chosen = choice.safeParse(body);
    if (!chosen.success) throw new StandInError('The page must be answered with one person, or with no.');
    const request = this.tokens.openRequest(chosen.data.request);
    if (!request) throw new StandInError('This page is too old or was changed. Please begin again.');
    if ('answer' in chosen.data) throw denial(this.registration, request);
    const person = personBySubject(chosen.data.subject);
    if (!person) throw new StandInError('The stand-in does not know this person.');
    const code = this.tokens.issueCode(request, person);
    return { url: authorizationResponse(this.registration, request.state, { code }) };
  }

  @Post('token')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  token(@Req() request: Request): Promise<TokenAnswer> {
    const form = formOf(request);
    authenticateClient(this.registration, request.headers.authorization, readForm(clientForm, form));
    switch (form.grant_type) {
      case 'authorization_code': {
        const { code, redirect_uri, code_verifier } = readForm(tokenForms.authorization_code, form);
        return this.tokens.redeem(code, { redirectUri: redirect_uri, codeVerifier: code_verifier });
      }
      case 'refresh_token': {
        const { refresh_token, scope } = readForm(tokenForms.refresh_token, form);
        return this.tokens.refresh(refresh_token, scope);
      }
      default:
        if (typeof form.grant_type === 'string') {
          throw new OAuthRefusal(
            'unsupported_grant_type',
            'The grant_type must be authorization_code or refresh_token.',
          );
        }
        throw new OAuthRefusal('invalid_request', 'Missing or wrong: grant_type.');
    }
  }

  @Get('userinfo')
  @Header('Cache-Control', 'no-store')
  userinfo(@Headers('authorization') authorization?: string) {
    const opened = this.tokens.read(bearerToken(authorization));
    if (!opened) throw unauthorized();
    return claimsOf(opened.person, opened.scopes);
  }

  @Post('userinfo')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  userinfoByPost(@Headers('authorization') authorization?: string) {
    return this.userinfo(authorization);
  }

  /** RFC 7009. Like Google's it asks for no client credentials, but what is sent must be right. */
  @Post('revoke')
  @HttpCode(200)
  @Header('Cache-Control', 'no-store')
  @Header('Pragma', 'no-cache')
  revoke(@Req() request: Request) {
    const form = readForm(revocationForm, formOf(request));
    const { authorization } = request.headers;
    if (authorization !== undefined || form.client_id !== undefined || form.client_secret !== undefined) {
      authenticateClient(this.registration, authorization, form);
    }
    this.tokens.revoke(form.token);
    return {};
  }
}
