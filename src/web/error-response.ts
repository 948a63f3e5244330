import type { Request, Response } from 'express';
import type { ProblemDetails } from '../api/problem.js';
import type { FieldError } from '../api/validation-failed.error.js';
import { own } from '../text/own.js';
import { ERROR_TEXTS, type ErrorText, INTERNAL_ERROR } from './error-texts.js';

/** An error as it is reported outside. */
export interface Problem {
  readonly code: string;
  readonly status: number;
  readonly detail?: string;
  readonly errors?: FieldError[];
}

/** What an error page says and offers, where the code alone does not tell. */
export interface WaysOn {
  readonly text?: ErrorText;
  readonly actions?: readonly { label: string; href: string }[];
}

/** Further members of a problem (RFC 9457 §3.2). */
interface Extras {
  /** Where a person connects again. */
  readonly reconnectPath?: string;
}

const RETRY_AFTER_SECONDS = '2';

export function textOf(code: string): ErrorText {
  return own(ERROR_TEXTS, code) ?? INTERNAL_ERROR;
}

/** JSON under /api, /health and /metrics, and for requests that accept JSON but no page. */
export function wantsPage(request: Request): boolean {
  if (/^\/(api|health|metrics)(\/|$)/.test(request.path)) return false;
  return request.accepts(['html', 'json']) !== 'json';
}

/** Status and headers of an error, which no cache keeps. */
export function beginError(response: Response, status: number): void {
  response.status(status).set('Cache-Control', 'no-store');
  if (status === 503) response.set('Retry-After', RETRY_AFTER_SECONDS);
}

export function sendErrorPage(response: Response, { code, detail }: Problem, reference: string, ways: WaysOn): void {
  const { heading, sentence, advice, next } = ways.text ?? textOf(code);
  const home = { label: 'To the start page', href: '/' };
  const again = { label: 'Sign in', href: '/login' };
  response.render('error', {
    title: heading,
    heading,
    sentence: detail ?? sentence,
    advice,
    code,
    reference,
    actions: ways.actions ?? (next === 'again' ? [again, home] : [home]),
  });
}

/** problem+json (RFC 9457). */
export function sendProblem(response: Response, problem: Problem & Extras, reference: string, baseUrl: string): void {
  const { code, status, detail, ...more } = problem;
  const { heading, sentence } = textOf(code);
  const type = `${baseUrl}/api/docs#${code}`;
  const body: ProblemDetails = { type, title: heading, status, code, reference, detail: detail ?? sentence, ...more };
  response.type('application/problem+json').send(JSON.stringify(body));
}
