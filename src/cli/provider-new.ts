import type { Command } from 'commander';
import { requireCheckout, writeInCheckout } from './checkout.js';

interface Options {
  readonly label?: string;
  readonly openid?: true;
}

/** The first part of every other address of Gatehouse. */
const ROUTES = ['account', 'admin', 'api', 'assets', 'health', 'login', 'logout', 'metrics', 'stand-in'];

export function addProviderNew(program: Command): void {
  program
    .command('provider:new')
    .summary('begin the file and the fixture of a new provider')
    .description(
      'Writes src/providers/<id>.ts, fixtures/<id>.json and the line in the catalogue, with marked places to fill in. ' +
        'provider:check <id> says which are left.',
    )
    .argument('<id>', 'its name in addresses and settings: lower case letters, digits and hyphens')
    .option('--label <label>', 'its name on the button')
    .option('--openid', 'it describes itself (OpenID Connect Discovery)')
    .action(async (id: string, { label, openid }: Options, command: Command) => {
      requireCheckout('provider:new');
      const refuse = (reason: string) => command.error(`error: ${reason}`, { exitCode: 2 });
      if (!/^[a-z][a-z0-9-]{0,31}$/.test(id) || id.endsWith('-')) {
        refuse(`"${id}" is not lower case letters, digits and hyphens, 32 at most`);
      }
      if (ROUTES.includes(id)) refuse(`/${id} is an address of Gatehouse itself`);
      const [{ isTaken, writeNewProvider }, { loadCheckedCatalogue }] = await Promise.all([
        import('../conformance/new-provider.js'),
        import('../conformance/candidates.js'),
      ]);
      const known = await loadCheckedCatalogue();
      if (isTaken(id) || known.some((provider) => provider.id === id)) refuse(`"${id}" is there already`);

      const provider = { id, label: label ?? capitalised(id), isOpenId: openid === true };
      const files = writeInCheckout(() => writeNewProvider(provider));
      process.stdout.write(
        `${files.map((file) => `Wrote ${file}\n`).join('')}
1. Fill in what is marked, from the provider's own pages: the fixture first, then the provider's file.
2. npm run cli -- provider:check ${id}    until every check passes
3. npm run cli -- provider:docs${' '.repeat(id.length + 2)}    writes its page
`,
      );
    });
}

/** `acme-staff` becomes "Acme staff". */
function capitalised(id: string): string {
  return id.charAt(0).toUpperCase() + id.slice(1).replaceAll('-', ' ');
}
