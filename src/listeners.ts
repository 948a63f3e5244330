import type { INestApplication } from '@nestjs/common';
import { DiscoveryService } from '@nestjs/core';
import { EventEmitter2 } from '@nestjs/event-emitter';
import { distance } from 'fastest-levenshtein';
import { ConfigurationError } from './config/config.js';
import * as gatehouse from './gatehouse.js';
import { type DecoratedHook, hookProblems } from './oauth/decorated-hooks.js';
import { ProviderRegistry } from './oauth/provider.registry.js';

/** Two letters that changed places are two edits. */
const MOST_EDITS = 2;

/** Every event that can be listened to, by its name: `gatehouse.ts` exports them all. */
const EVENTS: readonly string[] = Object.values(gatehouse).filter((exported) => typeof exported === 'string');

/**
 * Makes sure that every hook which belongs to the application is asked, and that no listener waits for an event whose
 * name is misspelled. Call it once the application is initialized and before it serves: a hook that is forgotten
 * refuses nobody, and nobody would notice.
 *
 * @param hooks those of the classes that this application was made of
 * @throws ConfigurationError that names each class and method
 */
export function checkListeners(app: INestApplication, hooks: readonly DecoratedHook[]): void {
  const discovery = app.get(DiscoveryService, { strict: false });
  const registry = app.get(ProviderRegistry);
  const instances = [...discovery.getProviders(), ...discovery.getControllers()]
    .filter(({ isAlias }) => !isAlias)
    .map(({ instance }): unknown => instance)
    .filter((instance) => typeof instance === 'object' && instance !== null);
  const problems = [
    ...hookProblems(hooks, instances, (id) => registry.exists(id)),
    ...app.get(EventEmitter2).eventNames().flatMap(eventProblem),
  ];
  if (problems.length > 0) {
    throw new ConfigurationError(problems.map((message) => ({ setting: 'EXTENSIONS', message })));
  }
}

/** Other events than ours are no affair of ours, unless their names can only be ours with a slip in it. */
function eventProblem(name: unknown): string[] {
  if (typeof name !== 'string' || EVENTS.includes(name)) return [];
  const meant = EVENTS.find((event) => distance(event, name.toLowerCase()) <= MOST_EDITS);
  if (meant === undefined && !name.startsWith('oauth.')) return [];
  const advice = meant === undefined ? `the events of oauth are ${EVENTS.filter((event) => event.startsWith('oauth.')).join(', ')}` : `${meant} is meant`; // prettier-ignore
  return [`A listener waits for "${name}", which is not an event of Gatehouse: ${advice}`];
}
