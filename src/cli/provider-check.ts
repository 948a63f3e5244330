import type { Command } from 'commander';
import { existsSync } from 'node:fs';
import { readEnvironment } from '../config/environment.js';
import { PlainError } from '../config/plain-error.js';
import { requireCheckout } from './checkout.js';

interface Options {
  readonly all?: true;
  readonly fixture?: string;
}

export function addProviderCheck(program: Command): void {
  program
    .command('provider:check')
    .summary('check a provider against what it documents')
    .description(
      'Signs people in some hundred times at a fake of the provider that speaks the shapes of its fixture, ' +
        'fixtures/<id>.json, and says what is not as documented. Needs no network, no settings and no database: a ' +
        'Postgres is started in a temporary folder for as long as it takes.',
    )
    .argument('[ids...]', 'providers of the catalogue, or one of EXTENSIONS together with --fixture')
    .option('--all', 'every provider of the catalogue')
    .option('--fixture <file>', 'the fixture of a provider that an extension brings')
    .action(async (ids: string[], { all, fixture: file }: Options, command: Command) => {
      requireCheckout('provider:check');
      if (ids.length > 0 === (all === true)) command.error('error: name a provider, or --all', { exitCode: 2 });
      if (file !== undefined && ids.length !== 1) command.error('error: --fixture is of one provider', { exitCode: 2 });
      if (file !== undefined && !existsSync(file)) {
        command.error(`error: option '--fixture <file>' argument '${file}' is invalid. There is no such file.`);
      }

      const [
        { candidateOf, loadCheckedCatalogue },
        { ConformanceKit },
        { readFixture },
        { failuresOf, report, summary },
        { withThrowawayDatabase },
      ] = await Promise.all([
        import('../conformance/candidates.js'),
        import('../conformance/run.js'),
        import('../conformance/fixtures.js'),
        import('../conformance/report.js'),
        import('../conformance/throwaway-database.js'),
      ]);
      const [id = ''] = ids;
      const known = await loadCheckedCatalogue();
      const wanted = all ? known.map((provider) => provider.id) : ids;
      const unknown = wanted.find((name) => !known.some((provider) => provider.id === name));
      if (file === undefined && unknown !== undefined) {
        command.error(`error: there is no provider "${unknown}" in the catalogue`, { exitCode: 2 });
      }
      const candidates =
        file === undefined ? wanted.map((name) => candidateOf(name, known)) : [{ id, fixture: readFixture(file) }];
      const extensions = file === undefined ? [] : await extensionsOf(id);

      await withThrowawayDatabase(async (databaseUrl) => {
        const catalogue = known.filter((provider) => wanted.includes(provider.id));
        const kit = await ConformanceKit.start({ databaseUrl, catalogue, extensions, candidates });
        const results = [];
        try {
          for (const candidate of candidates) {
            const result = await kit.check(candidate);
            results.push(result);
            process.stdout.write(report(result));
          }
        } finally {
          await kit.stop();
        }
        if (results.length > 1) process.stdout.write(`\n${summary(results)}\n`);
        if (results.some((result) => failuresOf(result).length > 0)) process.exitCode = 1;
      });
    });
}

async function extensionsOf(id: string) {
  const names = (readEnvironment().EXTENSIONS ?? '').split(',').map((name) => name.trim());
  const given = names.filter((name) => name !== '');
  if (given.length === 0) throw new PlainError(`Set EXTENSIONS to the file or package that brings "${id}".`);
  const { loadExtensions } = await import('../extensions.js');
  return loadExtensions(given);
}
