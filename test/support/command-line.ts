import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** What a program has written and how it has ended. */
export interface Ended {
  /** Null where a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type Environment = Readonly<Record<string, string>>;

/** Runs a program with these settings and nothing else of our environment. */
export function startProgram([file = '', ...rest]: readonly string[], environment: Environment = {}, cwd = '/') {
  const child = spawn(file, rest, {
    cwd,
    env: { PATH: process.env.PATH ?? '', HOME: cwd, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, stdout, stderr }));
  return { child, ended };
}

/** A command of the build, as an operator runs it. */
export function startCommand(command: readonly string[], environment?: Environment, cwd?: string) {
  return startProgram([process.execPath, join(process.cwd(), 'dist/cli/main.js'), ...command], environment, cwd);
}

/** The same, to its end. */
export async function runCommand(command: readonly string[], environment?: Environment, cwd?: string): Promise<Ended> {
  return startCommand(command, environment, cwd).ended;
}
