import type { SignedInUser } from '../access/signed-in.js';

const SECTIONS = [
  { id: 'dashboard', label: 'Overview', href: '/admin' },
  { id: 'accounts', label: 'Linked accounts', href: '/admin/accounts' },
  { id: 'users', label: 'People', href: '/admin/users' },
  { id: 'attempts', label: 'Attempts', href: '/admin/attempts' },
  { id: 'audit', label: 'Audit', href: '/admin/audit' },
  { id: 'invitations', label: 'Invitations', href: '/admin/invitations' },
  { id: 'doctor', label: 'Doctor', href: '/admin/doctor' },
] as const;

export type Section = (typeof SECTIONS)[number]['id'];

/** What stands around every page of this room: the model of the partial `admin-bar`, and whether there are buttons. */
export function frameOf(section: Section, { role }: SignedInUser) {
  return {
    sections: SECTIONS.map(({ id, label, href }) => ({ label, href, current: id === section })),
    mayAct: role === 'admin',
  };
}
