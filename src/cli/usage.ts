import type { Command } from 'commander';
import { ValidationFailedError } from '../api/validation-failed.error.js';

/**
 * Runs a command whose options are checked by a schema or against the database. One that is refused is reported as
 * commander reports the others: the option as it is typed, what is wrong with it, and exit code 2.
 */
export async function refuseWrongOptions(command: Command, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!(error instanceof ValidationFailedError)) throw error;
    const [first] = error.errors;
    const option = command.options.find((each) => each.attributeName() === first?.path);
    const value = String(command.getOptionValue(first?.path ?? ''));
    command.error(`error: option '${option?.flags ?? ''}' argument '${value}' is invalid. ${first?.message ?? ''}`);
  }
}
