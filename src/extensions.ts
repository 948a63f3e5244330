import type { Type } from '@nestjs/common';
import { CATCH_WATERMARK, CONTROLLER_WATERMARK, INJECTABLE_WATERMARK } from '@nestjs/common/constants.js';
import { accessSync, constants, statSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from './config/config.js';
import { resolveRequiresOfExtensions } from './extension-require.js';

let isResolving = false;

/**
 * Loads the modules named in EXTENSIONS: files relative to the working directory, or packages installed there.
 * Each has a Nest module as its default export.
 *
 * @throws ConfigurationError that names the one which cannot be loaded
 */
export async function loadExtensions(names: readonly string[]): Promise<readonly Type[]> {
  if (names.length === 0) return [];
  if (!isResolving) {
    isResolving = true;
    // An extension imports from `gatehouse` wherever its file is, and must get this very copy of it.
    register('./extension-resolver.js', import.meta.url);
    resolveRequiresOfExtensions();
  }
  const modules: Type[] = [];
  for (const name of names) modules.push(await loadExtension(name));
  return modules;
}

async function loadExtension(name: string): Promise<Type> {
  const address = addressOf(name);
  let loaded: { default?: unknown };
  try {
    loaded = (await import(address)) as { default?: unknown };
  } catch (error) {
    throw refused(name, `cannot be loaded: ${reasonOf(error)}`);
  }
  // A CommonJS file arrives with its exports inside the default one.
  const outer = loaded.default;
  const module = typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer;
  if (!isModule(module)) throw refused(name, 'has no Nest module as its default export');
  return module;
}

/** In one line. Node names the file that requires a missing module in the lines below its message. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return 'it threw something that is no Error';
  if (/^\w+ is not defined in ES module scope/.test(error.message)) {
    return 'it is CommonJS, but its nearest package.json has "type": "module"; rename it to .cjs, or compile it to an ES module';
  }
  const { requireStack: [importer] = [] } = error as { requireStack?: readonly string[] };
  const message = error.message.split('\n')[0] ?? '';
  return importer === undefined ? message : `${message} imported from ${importer}`;
}

/** A class that Nest takes for a module: nothing says it is one, but providers and controllers are marked. */
function isModule(value: unknown): value is Type {
  return (
    typeof value === 'function' &&
    value.prototype !== undefined &&
    ![INJECTABLE_WATERMARK, CONTROLLER_WATERMARK, CATCH_WATERMARK].some((mark) => Reflect.hasMetadata(mark, value))
  );
}

/** @throws ConfigurationError for what cannot be a module: Node names the importing file of Gatehouse and not the path */
function addressOf(name: string): string {
  const path = resolve(name);
  const problem = problemWithFile(path);
  if (problem === undefined) return pathToFileURL(path).href;
  try {
    return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(name)).href;
  } catch {
    throw refused(name, `cannot be loaded: ${problem}`);
  }
}

function problemWithFile(path: string): string | undefined {
  try {
    if (statSync(path).isDirectory()) return `${path} is a folder; name the compiled file in it`;
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? `there is no file ${path}, and no installed package of this name; correct the path, or compile the extension first`
      : `${path} cannot be read (${code}); let the user that runs Gatehouse read it`;
  }
}

function refused(name: string, message: string): ConfigurationError {
  return new ConfigurationError([{ setting: 'EXTENSIONS', message: `"${name}" ${message}` }]);
}
