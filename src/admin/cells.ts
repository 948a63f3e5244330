import { moment } from '../account/wording.js';
import type { Cell } from './columns.js';

const TEXT_LIMIT = 80;

/** For what could fill the window: its row leads to a page that has all of it. */
export function shortened(text: string): string {
  const characters = Array.from(text);
  return characters.length <= TEXT_LIMIT ? text : `${characters.slice(0, TEXT_LIMIT).join('')}…`;
}

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
  return { text: shortened(email), note: emailVerified ? undefined : 'not verified' };
}

export function personCell(id: string, name: string | null): Cell {
  return { text: shortened(name ?? 'without a name'), href: `/admin/users/${id}` };
}
