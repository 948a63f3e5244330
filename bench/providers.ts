/** Both providers of `isolation`, in a process of their own so that their work is not on Gatehouse's account. */
import { faultNamed } from '../test/support/provider-faults.js';
import { startProvider } from '../test/support/provider-server.js';

/** What the process is told. It answers `hang` when that many calls have come and hang. */
export type Order = { readonly hang: number } | { readonly heal: true };
export interface Told {
  /** Settings of both, at the start. */
  readonly settings?: Record<string, string>;
  /** Calls that have come to the token endpoint that hangs. */
  readonly hanging?: number;
}

const [a, b] = await Promise.all([startProvider(), startProvider()]);
const tell = (told: Told) => process.send?.(told);

process.on('message', (order: Order) => {
  if ('heal' in order) {
    a.faults.clear();
    tell({});
    return;
  }
  a.faults.set('token', faultNamed('hang'));
  const before = a.count('token');
  void a.arrived('token', before + order.hang).then(() => tell({ hanging: a.count('token') - before }));
});
process.on('disconnect', () => process.exit());
tell({ settings: { ...a.environment('HANGING'), ...b.environment('GOOD') } });
