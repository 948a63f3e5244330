/**
 * Ends the process with one sentence on a Node that is too old. Imported before everything else, and written so that
 * such a Node can read it.
 */
const LEAST = [20, 19];
const parts = process.versions.node.split('.').map(Number);
if (parts[0] < LEAST[0] || (parts[0] === LEAST[0] && parts[1] < LEAST[1])) {
  process.stderr.write(
    '\nGatehouse needs Node ' +
      LEAST.join('.') +
      ' or newer, and this is Node ' +
      process.versions.node +
      '. ' +
      'Install a newer one from https://nodejs.org and see that it comes first in PATH.\n\n',
  );
  process.exit(1);
}
