/** The processes of this machine, whoever started them. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

interface SystemProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

function systemProcesses(): SystemProcess[] {
  return process.platform === 'linux' ? fromProc() : fromPs();
}

/** A slim container has no `ps`. */
function fromProc(): SystemProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        // Field 4 of proc(5); the name before it may hold anything, parentheses included.
        const [, parent] = readFileSync(`/proc/${pid}/stat`, 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ');
        const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return [{ pid: Number(pid), parent: Number(parent), command }];
      } catch {
        // It has ended meanwhile.
        return [];
      }
    });
}

function fromPs(): SystemProcess[] {
  const lines = execFileSync('ps', ['-axo', 'pid=,ppid=,args='], { encoding: 'utf8' }).split('\n');
  return lines.flatMap((line) => {
    const [, pid, parent, command] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return command === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }];
  });
}

/** @returns the commands that name this text, a folder for example */
export function commandsNaming(text: string): string[] {
  return systemProcesses()
    .map(({ command }) => command)
    .filter((command) => command.includes(text));
}

/** Resolves when no process of that kind is left. */
export async function untilNothingNames(text: string): Promise<void> {
  while (commandsNaming(text).length > 0) await sleep(50);
}

/** @returns the process that an ancestor, such as npm, has started by this command, directly or not */
export function descendant(ancestor: number, command: RegExp): number {
  const all = systemProcesses();
  const below = (pid: number): SystemProcess[] =>
    all.filter(({ parent }) => parent === pid).flatMap((child) => [child, ...below(child.pid)]);
  const found = below(ancestor).find((process) => command.test(process.command));
  if (!found) throw new Error(`${ancestor} has started no ${command.source}`);
  return found.pid;
}
