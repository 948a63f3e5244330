import { createParamDecorator, type ExecutionContext, SetMetadata } from '@nestjs/common';
import type { Request } from 'express';
import { type Actor, clientOf } from './client.js';
import type { Role, SignedIn, SignedInUser } from './signed-in.js';

/** Who may call a route. A route that says nothing is for signed-in people. */
export type Access = 'public' | 'optional' | readonly Role[];

export const ACCESS = 'access';

/** Anybody; the session is not even read. */
export const Public = () => SetMetadata<string, Access>(ACCESS, 'public');

/** Anybody; who is signed in can be asked with `@CurrentUser()`. */
export const OptionalSession = () => SetMetadata<string, Access>(ACCESS, 'optional');

/** Signed-in people with one of these roles; others get 403 `forbidden`. */
export const Roles = (...roles: Role[]) => SetMetadata<string, Access>(ACCESS, roles);

export const CROSS_SITE_FORM = 'cross-site form';

/** A form that another site makes the browser send, as OAuth 2.0 Form Post Response Mode wants it. */
export const CrossSiteForm = () => SetMetadata<string, boolean>(CROSS_SITE_FORM, true);

export const RECENT_SIGN_IN = 'recent sign-in';

/** An act that a forgotten, open browser must not allow: only people who signed in at most ten minutes ago. */
export const RecentSignIn = () => SetMetadata<string, boolean>(RECENT_SIGN_IN, true);

export const FORMS_LEAD_TO_PROVIDER = 'forms lead to a provider';

/**
 * The route shows a page with a form that can lead to a provider: it begins a sign-in, or its action needs a recent
 * authentication. Only the forms of such a page can leave our origin.
 */
export const FormsLeadToProvider = () => SetMetadata<string, boolean>(FORMS_LEAD_TO_PROVIDER, true);

/** The signed-in person, or undefined on an `@OptionalSession()` route. */
export const CurrentUser = createParamDecorator((_: unknown, context: ExecutionContext): SignedInUser | undefined => {
  return context.switchToHttp().getRequest<Request>().signedIn?.user;
});

/** The signed-in person together with the session of this browser. */
export const CurrentSession = createParamDecorator((_: unknown, context: ExecutionContext): SignedIn | undefined => {
  return context.switchToHttp().getRequest<Request>().signedIn;
});

/** The signed-in person as whoever does something, for the audit trail. */
export const CurrentActor = createParamDecorator((_: unknown, context: ExecutionContext): Actor | undefined => {
  const request = context.switchToHttp().getRequest<Request>();
  const { signedIn } = request;
  return signedIn && { id: signedIn.user.id, session: signedIn.session, client: clientOf(request) };
});
