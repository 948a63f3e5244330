import type { Command } from 'commander';
import { mkdirSync, writeFileSync } from 'node:fs';
import { requireCheckout, writeInCheckout } from './checkout.js';

const FOLDER = 'docs/providers';

export function addProviderDocs(program: Command): void {
  program
    .command('provider:docs')
    .summary('write the pages about the providers')
    .description(`Writes a page for each provider of the catalogue, and their list, into ${FOLDER}.`)
    .action(async () => {
      requireCheckout('provider:docs');
      const [{ loadProviders }, { providerPages }] = await Promise.all([
        import('../providers/catalogue.js'),
        import('../conformance/provider-pages.js'),
      ]);
      const pages = providerPages(await loadProviders());
      writeInCheckout(() => {
        mkdirSync(FOLDER, { recursive: true });
        for (const { name, text } of pages) writeFileSync(`${FOLDER}/${name}`, text);
      });
      process.stdout.write(`${pages.length} pages in ${FOLDER}\n`);
    });
}
