import { Injectable } from '@nestjs/common';
import type { Request, Response } from 'express';
import { AccessError } from '../access/access.errors.js';
import { clientOf } from '../access/client.js';
import type { SignedIn } from '../access/signed-in.js';
import { tokenHash } from '../crypto/random-token.js';
import { type Authorization, AuthorizationHandler } from '../oauth/authorization-handler.js';
import { AttemptsService } from '../oauth/attempts.service.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import type { LinkingPerson, SignInAttempt } from '../oauth/sign-in-attempt.js';
import { Revocations } from '../oauth-accounts/revocations.js';
import { SessionCookie } from '../sessions/session-cookie.js';
import { SessionsService } from '../sessions/sessions.service.js';
import { SignInRefusedError } from './auth.errors.js';
import { KnownFacts } from './known-facts.js';
import { LinkService } from './link.service.js';
import { PendingLinkCookie } from './pending-link-cookie.js';
import { type SignInResult, SignInService } from './sign-in.service.js';

/** Between the flow and what comes of it: takes what it needs from the request, sets cookies once all is stored. */
@Injectable()
export class SignInHandler extends AuthorizationHandler {
  constructor(
    private readonly signIn: SignInService,
    private readonly link: LinkService,
    private readonly cookie: SessionCookie,
    private readonly pendingCookie: PendingLinkCookie,
    private readonly sessions: SessionsService,
    private readonly facts: KnownFacts,
    private readonly attempts: AttemptsService,
    private readonly registry: ProviderRegistry,
    private readonly revocations: Revocations,
  ) {
    super();
  }

  override async complete(authorization: Authorization, request: Request, response: Response): Promise<string> {
    const { provider, claims, attempt } = authorization;
    const { linksFor } = attempt;
    try {
      const configured = this.registry.get(provider);
      configured.provider.checkClaims?.(claims, configured.settings);
      return linksFor
        ? await this.#link(authorization, linksFor, request, response)
        : await this.#signIn(authorization, request, response);
    } catch (error) {
      if (error instanceof SignInRefusedError && error.pendingToken !== undefined) {
        this.pendingCookie.write(response, error.pendingToken);
        await this.#recordUser(authorization);
      } else if (isRefusal(error)) {
        await this.#endRefused(authorization);
      }
      throw error;
    }
  }

  override sessionToReplace(request: Request): string | undefined {
    const token = this.cookie.read(request);
    return token === undefined ? undefined : tokenHash(token).toString('base64url');
  }

  override async sessionOf(request: Request): Promise<string | undefined> {
    return (await this.#current(request))?.session.id;
  }

  override async staysSignedIn(
    attempt: SignInAttempt | undefined,
    request: Request,
    response: Response,
  ): Promise<boolean> {
    const linksFor = attempt?.linksFor;
    const current = await this.#current(request);
    // A link changes the token of its session, also while this request is running. Both responses carry the same one.
    if (linksFor && (!current || current.session.id === linksFor.sessionId)) {
      const session = { id: linksFor.sessionId, tokenHash: Buffer.from(linksFor.tokenHash, 'base64url') };
      if (await this.sessions.repeatRenewal(session, linksFor.nextToken)) {
        this.cookie.write(response, linksFor.nextToken);
        return true;
      }
    }
    return current !== undefined;
  }

  /** Revokes what a sign-in or link was issued that is not stored, and records whose it was. */
  async #endRefused(authorization: Authorization): Promise<void> {
    const { provider, profile, tokens } = authorization;
    await this.revocations.requestRefused({ provider, subject: profile.subject }, tokens);
    await this.#recordUser(authorization);
  }

  /** Of a failed sign-in that has verified an identity. A failed link has had its user since it was begun. */
  async #recordUser(authorization: Authorization): Promise<void> {
    if (authorization.attempt.linksFor) return;
    const userId = await this.facts.userOf(authorization).catch(() => undefined);
    if (userId !== undefined) await this.attempts.recordUser(authorization.attempt, userId);
  }

  override async signedInUserId(request: Request): Promise<string | undefined> {
    return (await this.#current(request))?.user.id;
  }

  async #signIn(authorization: Authorization, request: Request, response: Response): Promise<string> {
    const replaced = this.sessionToReplace(request) ?? authorization.attempt.replacesSession;
    const result = await this.signIn.complete(authorization, clientOf(request), replaced);
    return this.#finish(result, authorization, response);
  }

  /** A link is for who began it: another person in this browser by now gets nothing, and loses nothing. */
  async #link(
    authorization: Authorization,
    person: LinkingPerson,
    request: Request,
    response: Response,
  ): Promise<string> {
    // A repeated callback may have changed the token while this one was at the provider.
    const current = (await this.#current(request)) ?? (await this.sessions.read(person.nextToken));
    if (current && current.user.id !== person.userId) throw AccessError.forbidden();
    // A callback that comes as another site's form carries no session; the session the link was begun in must live.
    if (!current && request.method !== 'POST') throw AccessError.notSignedIn();
    const presentToken = current?.session.tokenHash ?? Buffer.from(person.tokenHash, 'base64url');
    const result = await this.link.complete(authorization, person, presentToken, clientOf(request));
    return this.#finish(result, authorization, response);
  }

  /** @returns where the user goes */
  async #finish(
    { path, sessionToken, isRefused }: SignInResult,
    authorization: Authorization,
    response: Response,
  ): Promise<string> {
    if (isRefused) await this.#endRefused(authorization);
    if (sessionToken !== undefined) this.cookie.write(response, sessionToken);
    return path;
  }

  async #current(request: Request): Promise<SignedIn | undefined> {
    const token = this.cookie.read(request);
    return token === undefined ? undefined : this.sessions.read(token);
  }
}

/** Whether we said no, in contrast to a failure, after which the outcome can be unknown and the tokens stored. */
function isRefusal(error: unknown): boolean {
  const status = (error as { status?: unknown } | null)?.status;
  return typeof status === 'number' && status < 500;
}
