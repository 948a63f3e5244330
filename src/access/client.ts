import type { Request } from 'express';
import { ipAddress } from '../config/ip-address.js';

/** Where a request comes from, for the list of sessions and the audit trail. */
export interface Client {
  readonly ip: string | null;
  readonly userAgent: string | null;
  /** The request's reference: log line, attempt, audit entry and `X-Request-Id` carry the same one. */
  readonly reference: string;
}

/** A session by the token that a request proved: after a change of the token, the same request proves nothing. */
export interface SessionToken {
  readonly id: string;
  readonly tokenHash: Buffer;
}

/** Somebody who does something, and where from: as the audit trail writes it down. */
export interface Actor {
  /** Of the person. */
  readonly id: string;
  readonly session: SessionToken;
  readonly client: Client;
}

const USER_AGENT_LIMIT = 512;

export function clientOf(request: Request): Client {
  return {
    // Behind a trusted proxy it can be any text that the proxy passed on.
    ip: ipAddress(request.ip),
    userAgent: request.get('user-agent')?.slice(0, USER_AGENT_LIMIT) ?? null,
    reference: referenceOf(request),
  };
}

/** Set on every request by ops/request-log, the first middleware. */
export function referenceOf(request: Request): string {
  const { id } = request as { id?: unknown };
  return typeof id === 'string' ? id : '';
}
