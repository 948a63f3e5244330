import Module from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const GATEHOUSE = fileURLToPath(new URL('./gatehouse.js', import.meta.url));

type ResolveFilename = (
  request: string,
  parent: object | null | undefined,
  isMain: boolean,
  options?: { paths: string[] },
) => string;

/**
 * Does for `require` what extension-resolver does for `import`: Node runs the hooks of `register` for ES modules only,
 * and `registerHooks`, which covers both, does not exist in Node 20. Call it once.
 */
export function resolveRequiresOfExtensions(): void {
  const loader = Module as unknown as { _resolveFilename: ResolveFilename };
  const resolve = loader._resolveFilename;
  loader._resolveFilename = (request, parent, isMain, options) => {
    if (request === 'gatehouse') return GATEHOUSE;
    try {
      return resolve(request, parent, isMain, options);
    } catch (error) {
      const isBare = !/^(\.|\/|[a-z]+:)/.test(request);
      if (!isBare || (error as NodeJS.ErrnoException).code !== 'MODULE_NOT_FOUND') throw error;
      try {
        return resolve(request, undefined, false, { paths: [dirname(GATEHOUSE)] });
      } catch {
        // It is not installed here either. The first error names the file that requires it.
        throw error;
      }
    }
  };
}
