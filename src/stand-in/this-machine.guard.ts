import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import type { Request } from 'express';
import { isLoopback } from '../config/web-address.js';
import { StandInError } from './stand-in.errors.js';

/** What proxies write: RFC 7239, its predecessors, RFC 9110 §7.6.3, and nginx's own habit. */
const FORWARDED = /^(forwarded|x-forwarded-.*|via|x-real-ip)$/;

/**
 * Lets in what was sent on this machine, and nothing that a proxy forwards. The settings have been checked before, but
 * a proxy that somebody puts in front of a development start is in no setting.
 */
@Injectable()
export class ThisMachineGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers, httpVersion } = context.switchToHttp().getRequest<Request>();
    const address = `http://${headers.host ?? ''}`;
    const isLocal = URL.canParse(address) && isLoopback(new URL(address).hostname);
    // nginx forwards as HTTP/1.0 unless told otherwise, and by itself adds no header. No browser sends it.
    const isForwarded = httpVersion === '1.0' || Object.keys(headers).some((name) => FORWARDED.test(name));
    if (!isLocal || isForwarded) {
      throw new StandInError(
        'The stand-in for Google works only on the machine it runs on, without a proxy in front. Configure a real provider.',
        'forbidden',
      );
    }
    return true;
  }
}
