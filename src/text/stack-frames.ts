/** Where an error was thrown, for the log. The frames hold no data; the first lines of a stack may. */
export function stackFrames(error: unknown): string[] | undefined {
  return error instanceof Error ? error.stack?.split('\n').filter((line) => /^\s+at /.test(line)) : undefined;
}
