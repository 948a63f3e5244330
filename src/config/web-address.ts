import { z } from 'zod';
import { isLoopbackAddress } from './ip-address.js';

/** An absolute http or https URL. */
export const webAddress = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol), {
    error: 'must be an absolute http or https URL',
  })
  .transform((text) => new URL(text));

/** Whether a host name or address can only be this machine: `localhost` (RFC 6761 §6.3), 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isLoopbackAddress(name);
}
