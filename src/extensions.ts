import type { Type } from '@nestjs/common';
import { CATCH_WATERMARK, CONTROLLER_WATERMARK, INJECTABLE_WATERMARK } from '@nestjs/common/constants.js';
import { existsSync } from 'node:fs';
import { createRequire, register } from 'node:module';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ConfigurationError } from './config/config.js';

/**
 * Loads the modules named in EXTENSIONS: files relative to the working directory, or packages installed there.
 * Each has a Nest module as its default export.
 *
 * @throws ConfigurationError that names the one which cannot be loaded
 */
export async function loadExtensions(names: readonly string[]): Promise<readonly Type[]> {
  if (names.length === 0) return [];
  // An extension imports from `gatehouse` wherever its file lies, and must meet this very copy of it.
  register('./extension-resolver.js', import.meta.url);
  const modules: Type[] = [];
  for (const name of names) modules.push(await loadExtension(name));
  return modules;
}

async function loadExtension(name: string): Promise<Type> {
  let loaded: { default?: unknown };
  try {
    loaded = (await import(addressOf(name))) as { default?: unknown };
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'it threw something that is no Error';
    throw refused(name, `cannot be loaded: ${reason ?? ''}`);
  }
  // A CommonJS file arrives with its exports inside the default one.
  const outer = loaded.default;
  const module = typeof outer === 'object' && outer !== null && 'default' in outer ? outer.default : outer;
  if (!isModule(module)) throw refused(name, 'has no Nest module as its default export');
  return module;
}

/** A class that Nest takes for a module: nothing says it is one, but providers and controllers are marked. */
function isModule(value: unknown): value is Type {
  return (
    typeof value === 'function' &&
    value.prototype !== undefined &&
    ![INJECTABLE_WATERMARK, CONTROLLER_WATERMARK, CATCH_WATERMARK].some((mark) => Reflect.hasMetadata(mark, value))
  );
}

function addressOf(name: string): string {
  const file = resolve(name);
  if (existsSync(file)) return pathToFileURL(file).href;
  try {
    return pathToFileURL(createRequire(join(process.cwd(), 'package.json')).resolve(name)).href;
  } catch {
    return name;
  }
}

function refused(name: string, message: string): ConfigurationError {
  return new ConfigurationError([{ setting: 'EXTENSIONS', message: `"${name}" ${message}` }]);
}
