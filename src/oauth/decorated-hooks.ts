import 'reflect-metadata';
import { PlainError } from '../config/plain-error.js';

/** A method with @OnOAuthAuthorized() or @OnOAuthStarting(), as its class was written. */
export interface DecoratedHook {
  readonly event: string;
  /** Where the method was written: the prototype of its class. */
  readonly prototype: object;
  readonly method: string;
  /** Ids of the providers it decides about; undefined stands for every provider. */
  readonly providers: readonly (string | undefined)[];
}

const EVENTS_OF_HOOK = Symbol('events of a hook');

/** What classes say of themselves, like the metadata of any decorator; it says nothing of an application. */
const written: DecoratedHook[] = [];

/** Every hook whose class has been imported into this process. */
export function decoratedHooks(): readonly DecoratedHook[] {
  return [...written];
}

/** Notes a hook. @throws PlainError for what is no method, and for a method that Nest would never find, and that would therefore never be asked */
export function noteHook<Listener extends object>(
  event: string,
  target: object,
  name: string | symbol,
  listener: Listener | undefined,
  providers: readonly (string | undefined)[],
): Listener {
  const owner = typeof target === 'function' ? target : target.constructor;
  const where = `${owner.name}.${String(name)} is a hook of ${event}`;
  if (typeof listener !== 'function') throw new PlainError(`${where} but not a method. Write it as a method.`);
  if (typeof name === 'symbol') throw new PlainError(`${where} and named by a symbol. Give the method a name.`);
  if (typeof target === 'function') throw new PlainError(`${where} and static. Only methods of instances are called.`);
  const events = (Reflect.getMetadata(EVENTS_OF_HOOK, listener) ?? []) as string[];
  Reflect.defineMetadata(EVENTS_OF_HOOK, [...events, event], listener);
  written.push({ event, prototype: target, method: name, providers });
  return listener;
}

/**
 * Hooks that would not be asked as they were written. Each of them could be the one that refuses, so none is ignored.
 *
 * @param instances of everything that is registered in the application
 * @param providerExists whether settings could configure a provider of this id
 * @returns sentences that name class and method
 */
export function hookProblems(
  hooks: readonly DecoratedHook[],
  instances: readonly object[],
  providerExists: (id: string) => boolean,
): string[] {
  return hooks.flatMap((hook) => {
    const { event, prototype, method, providers } = hook;
    const where = `${prototype.constructor.name}.${method}()`;
    const owners = instances.filter((instance) => Object.prototype.isPrototypeOf.call(prototype, instance));
    const unknown = providers.filter((id) => id !== undefined && !providerExists(id));
    const overriding = owners.filter((owner) => !isAsked(owner, hook)).map((owner) => owner.constructor.name);
    return [
      ...(owners.length === 0
        ? [`${where} is a hook of ${event}, but its class is not registered: add it to the providers of a module`]
        : []),
      ...[...new Set(overriding)].map(
        (name) =>
          `${name} overrides ${where}, a hook of ${event}, without its decorator: add it to ${name}.${method}()`,
      ),
      ...unknown.map((id) => `${where} names the provider "${id}", which does not exist`),
    ];
  });
}

/** Whether the method that this instance has under the name is itself a hook of the event. */
function isAsked(owner: object, { event, method }: DecoratedHook): boolean {
  const listener: unknown = Reflect.get(owner, method);
  const events: unknown = typeof listener === 'function' ? Reflect.getMetadata(EVENTS_OF_HOOK, listener) : undefined;
  return Array.isArray(events) && events.includes(event);
}
