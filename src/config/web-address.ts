import { z } from 'zod';
import { isLoopbackAddress } from './ip-address.js';

/** An absolute http or https URL. `*` is a host name to the URL parser, and no host has it. */
export const webAddress = z
  .string()
  .refine((text) => URL.canParse(text) && /^https?:\/\/[^*/]+\//.test(new URL(text).href), {
    error: 'must be an absolute http or https URL',
  })
  .transform((text) => new URL(text));

/** Whether a host name or address can only be this machine: `localhost` (RFC 6761 §6.3), 127.0.0.0/8, ::1. */
export function isLoopback(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase();
  return name === 'localhost' || name.endsWith('.localhost') || isLoopbackAddress(name);
}
