import { moment } from '../account/wording.js';
import { counted, inFull } from '../text/numbers.js';
import type { ColumnChart, LineChart, Size, SplitDay } from './charts.js';
import { type DashboardNumbers, DAYS } from './dashboard.service.js';

/** Each chart is drawn twice, so that its letters are as large on a phone as on a desk. */
const SIZES = { wide: { width: 800, height: 240 }, narrow: { width: 340, height: 200 } } as const;
const SMALL_SIZES = { wide: { width: 380, height: 150 }, narrow: { width: 340, height: 150 } } as const;
/** More than these are in the table alone. */
const PROVIDERS_DRAWN = 6;

type Sizes = Readonly<Record<'wide' | 'narrow', Size>>;
type SignIns = DashboardNumbers['signIns'][number];

/** What the overview shows, in the words it shows it in. */
export async function dashboardPage(numbers: DashboardNumbers) {
  // Nobody but this page draws, and nobody who only signs in needs what draws.
  const charts = await import('./charts.js');
  const { people, providers, signIns, failures, revocations } = numbers;
  const labelOf = (id: string) => providers.find((provider) => provider.id === id)?.label ?? id;
  const names = new Map(people.newPerDay.map(({ day }) => [day, charts.nameOfDay(day)]));

  const splitDays = (days: SignIns['days']): SplitDay[] =>
    days.map(({ day, succeeded, failed }) => ({ day, good: succeeded, bad: failed }));
  const columns = (id: string, title: string, days: readonly SplitDay[], sizes: Sizes, most?: number) => {
    const [good, bad] = sumOf(days);
    return {
      id,
      title,
      description: `${counted(good, 'sign-in')} and ${counted(bad, 'failure')} in ${DAYS} days. The numbers of each day are in the table below.`,
      drawings: drawings(id, sizes, (size) => withTitles(charts.columnChart(days, size, most), days, names)),
      rows: days.map(({ day, good: succeeded, bad: failed }) => ({ day, name: names.get(day), succeeded, failed })),
    };
  };

  const everywhere = people.newPerDay.map(({ day }, index): SplitDay => {
    const [good, bad] = sumOf(signIns.map(({ days }) => splitDays(days)[index] ?? { day, good: 0, bad: 0 }));
    return { day, good, bad };
  });
  const drawn = signIns.slice(0, PROVIDERS_DRAWN);
  const most = Math.max(0, ...drawn.map(({ days }) => charts.highest(splitDays(days))));
  const newPeople = people.newPerDay.reduce((sum, { count }) => sum + count, 0);
  const failureShares = charts.shares(failures.map(({ count }) => count));
  const accountShares = charts.shares(providers.map(({ accounts }) => accounts));
  const mostAccounts = Math.max(0, ...providers.map(({ accounts }) => accounts));
  const brokenShares = charts.shares(
    providers.map(({ needsReconnect }) => needsReconnect),
    mostAccounts,
  );
  const needsReconnect = providers.reduce((sum, provider) => sum + provider.needsReconnect, 0);

  return {
    asOf: moment(numbers.asOf),
    dayCount: DAYS,
    tally: [
      { label: 'People', value: inFull(people.total), note: `${inFull(newPeople)} new in ${DAYS} days`, worry: false },
      { label: 'Blocked', value: inFull(people.blocked), note: undefined, worry: false },
      {
        label: 'Linked accounts',
        value: inFull(providers.reduce((sum, { accounts }) => sum + accounts, 0)),
        note: undefined,
        worry: false,
      },
      { label: 'Need a reconnect', value: inFull(needsReconnect), note: undefined, worry: needsReconnect > 0 },
    ],
    signIns: signIns.length === 0 ? undefined : columns('sign-ins', 'Sign-ins a day', everywhere, SIZES),
    perProvider:
      drawn.length < 2
        ? []
        : drawn
            .map(({ provider, days }) =>
              columns(
                `sign-ins-${provider}`,
                `Sign-ins a day with ${labelOf(provider)}`,
                splitDays(days),
                SMALL_SIZES,
                most,
              ),
            )
            .map((chart, index) => ({ ...chart, label: labelOf(drawn[index]?.provider ?? '') })),
    notDrawn: Math.max(0, signIns.length - PROVIDERS_DRAWN),
    newPeople:
      newPeople === 0
        ? undefined
        : {
            id: 'new-people',
            title: 'New people a day',
            description: `${counted(newPeople, 'new person', 'new people')} in ${DAYS} days. The numbers of each day are in the table below.`,
            drawings: drawings('new-people', SIZES, (size) =>
              withTitles(charts.lineChart(people.newPerDay, size), people.newPerDay, names),
            ),
            rows: people.newPerDay.map(({ day, count }) => ({ day, name: names.get(day), count: inFull(count) })),
          },
    failures: failures.map(({ code, count }, index) => ({ code, count: inFull(count), share: failureShares[index] })),
    providers: providers.map(({ id, label, available, accounts, needsReconnect: broken }, index) => {
      const [succeeded, failed] = sumOf(splitDays(signIns.find(({ provider }) => provider === id)?.days ?? []));
      return {
        label,
        href: `/admin/accounts?${new URLSearchParams({ provider: id }).toString()}`,
        brokenHref: `/admin/accounts?${new URLSearchParams({ provider: id, health: 'needs_reconnect' }).toString()}`,
        down: available === false,
        availability: available === null ? 'not configured' : available ? 'answers' : 'does not answer',
        accounts: inFull(accounts),
        broken: broken === 0 ? undefined : inFull(broken),
        succeeded: inFull(succeeded),
        failed: inFull(failed),
        share: Math.max(0, (accountShares[index] ?? 0) - (brokenShares[index] ?? 0)),
        brokenShare: brokenShares[index],
      };
    }),
    revocations: {
      open: revocations.open === 0 ? undefined : counted(revocations.open, 'grant'),
      oldestOpen: revocations.oldestOpen ? moment(revocations.oldestOpen) : undefined,
      failed: revocations.failed === 0 ? undefined : counted(revocations.failed, 'grant'),
      oldestFailed: revocations.oldestFailed ? moment(revocations.oldestFailed) : undefined,
    },
  };
}

function drawings<Drawing>(id: string, sizes: Sizes, draw: (size: Size) => Drawing) {
  return (['wide', 'narrow'] as const).map((form) => ({ form, id: `${id}-${form}`, ...draw(sizes[form]) }));
}

/** What a pointer that rests on a day is told, over the whole height of the chart. */
function withTitles<Chart extends ColumnChart | LineChart>(
  chart: Chart,
  days: readonly (SplitDay | { readonly day: string; readonly count: number })[],
  names: ReadonlyMap<string, string>,
) {
  const width = (chart.right - chart.left) / days.length;
  return {
    ...chart,
    hints: days.map((day, index) => ({
      x: Math.round((chart.left + index * width) * 10) / 10,
      width: Math.round(width * 10) / 10,
      text:
        'count' in day
          ? `${names.get(day.day) ?? day.day}: ${counted(day.count, 'new person', 'new people')}`
          : `${names.get(day.day) ?? day.day}: ${counted(day.good, 'sign-in')}, ${counted(day.bad, 'failure')}`,
    })),
  };
}

function sumOf(days: readonly SplitDay[]): [good: number, bad: number] {
  return [days.reduce((sum, { good }) => sum + good, 0), days.reduce((sum, { bad }) => sum + bad, 0)];
}
