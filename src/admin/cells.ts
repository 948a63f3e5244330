import { moment } from '../account/wording.js';
import type { Cell } from './columns.js';

export function timeCell(at: Date): Cell {
  const { text, iso } = moment(at);
  return { text, time: iso };
}

/** In place of a value that is not there. */
export function softCell(text: string): Cell {
  return { text, isSoft: true };
}

export function emailCell({ email, emailVerified }: { email: string | null; emailVerified: boolean }): Cell {
  if (email === null) return softCell('not known');
  return { text: email, note: emailVerified ? undefined : 'not verified' };
}

export function personCell(id: string, name: string | null): Cell {
  return { text: name ?? 'without a name', href: `/admin/users/${id}` };
}
