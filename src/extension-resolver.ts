import type { ResolveHook } from 'node:module';

const GATEHOUSE = new URL('./gatehouse.js', import.meta.url).href;

/**
 * Node's resolve hook while extensions are loaded: `gatehouse` is this application, and what an extension does not
 * bring itself (Nest, for a single file without a package) is taken from here.
 */
export const resolve: ResolveHook = async (specifier, context, nextResolve) => {
  if (specifier === 'gatehouse') return { url: GATEHOUSE, shortCircuit: true };
  try {
    return await nextResolve(specifier, context);
  } catch (error) {
    const bare = !/^(\.|\/|[a-z]+:)/.test(specifier);
    if (!bare || (error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    try {
      return await nextResolve(specifier, { ...context, parentURL: GATEHOUSE });
    } catch {
      // It is not here either; the first error names the file that imports it.
      throw error;
    }
  }
};
