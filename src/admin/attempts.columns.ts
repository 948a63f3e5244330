import type { NamedProvider } from '../account/provider-names.js';
import type { ShownAttempt } from './attempts.listing.js';
import { decisionText, durationText, STEPS, WHY_FAILED } from './attempts.wording.js';
import { personCell, softCell, timeCell } from './cells.js';
import type { Cell, Column } from './columns.js';
import { own } from '../text/own.js';

/** What is seen of an attempt: on the page those with a label, in the CSV file those with a value. In their order. */
export const attemptColumns = (nameOf: (provider: string) => NamedProvider): readonly Column<ShownAttempt>[] => [
  {
    name: 'reference',
    label: 'Reference',
    cell: ({ reference }) => ({ text: reference, isCode: true }),
  },
  {
    name: 'startedAt',
    label: 'Begun',
    as: 'time',
    cell: ({ startedAt }) => timeCell(startedAt),
  },
  {
    name: 'provider',
    label: 'Provider',
    cell: ({ provider }) => ({ text: nameOf(provider).label, provider: nameOf(provider) }),
  },
  { name: 'intent' },
  { name: 'outcome', label: 'Outcome', cell: outcomeCell },
  { name: 'step' },
  { name: 'code', label: 'Why it failed', cell: failureCell },
  { name: 'decision', label: 'Decided', cell: decisionCell },
  { name: 'reasons', as: 'list' },
  {
    name: 'returnedAt',
    label: 'Time taken',
    as: 'time',
    cell: ({ startedAt, returnedAt, finishedAt }) => ({
      text: `${durationText(startedAt, returnedAt)} there`,
      beside: finishedAt === null ? undefined : `${durationText(returnedAt, finishedAt)} here`,
    }),
  },
  { name: 'finishedAt', as: 'time' },
  {
    name: 'device',
    label: 'Browser',
    cell: ({ device }) => (device === null ? softCell('not known') : { text: device }),
  },
  {
    name: 'userId',
    label: 'Person',
    cell: ({ userId, userName }) => (userId === null ? softCell('–') : personCell(userId, userName)),
  },
];

function outcomeCell({ outcome, intent }: ShownAttempt): Cell {
  const beside = intent === 'link' ? 'to link an account' : undefined;
  if (outcome === 'succeeded') return { text: intent === 'link' ? 'linked' : 'signed in', gate: 'open' };
  return outcome === 'failed'
    ? { text: 'failed', gate: 'down', beside }
    : { text: 'not finished', isSoft: true, beside };
}

function failureCell({ code, step }: ShownAttempt): Cell {
  if (code === null) return softCell('–');
  const where = step === null ? undefined : (own(STEPS, step) ?? step);
  return { text: code, isCode: true, note: where, beside: own(WHY_FAILED, code) };
}

function decisionCell({ decision, reasons }: ShownAttempt): Cell {
  if (decision === null) return softCell('not asked');
  return { text: decisionText(decision), beside: reasons === null ? undefined : reasons.join('; ') };
}
