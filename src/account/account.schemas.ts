import { z } from 'zod';
import { id, time } from '../api/schemas.js';

const name = z.string().nullable();
const email = z.string().nullable();
const emailVerified = z.boolean().describe('Whether a provider vouches for the address.');
const pictureUrl = z.string().nullable();
const provider = z.string().describe('As in GET /api/providers.');

/** Who is signed in. */
export const me = z
  .object({
    id,
    name,
    email,
    emailVerified,
    pictureUrl,
    role: z.enum(['user', 'viewer', 'admin']),
    createdAt: time,
    session: z.object({
      id,
      provider: provider.nullable().describe('Signed in with; null once that account has been unlinked.'),
      signedInAt: time,
      expiresAt: time,
    }),
  })
  .meta({ id: 'Me' });

/** What a person may call themselves: something that can be seen, and nothing that Postgres or a terminal trips over. */
export const newName = z.strictObject({
  name: z
    .string()
    .trim()
    .regex(/^(?=.*[\p{L}\p{N}\p{P}\p{S}])[^\p{Cc}\p{Cs}]{1,255}$/u, 'Must be 1 to 255 characters that can be seen.')
    .describe('1 to 255 characters. Spaces around it are taken off.'),
});

export const linkedAccounts = z.array(
  z
    .object({
      id,
      provider,
      subject: z.string().describe('The provider’s permanent id for the person.'),
      email,
      emailVerified,
      name,
      pictureUrl,
      scopes: z.array(z.string()).describe('What the person has allowed.'),
      health: z.enum(['connected', 'needs_reconnect']),
      linkedAt: time,
      lastUsedAt: time,
    })
    .meta({ id: 'LinkedAccount' }),
);

export const sessions = z.array(
  z
    .object({
      id,
      provider: provider.nullable(),
      ip: z.string().nullable(),
      userAgent: z.string().nullable(),
      signedInAt: time,
      lastSeenAt: time,
      expiresAt: time,
      current: z.boolean().describe('Whether it is the session of this request.'),
    })
    .meta({ id: 'Session' }),
);
