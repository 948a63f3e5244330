import type { Express } from 'express';
import type { TestApp } from './app.js';

export interface Route {
  readonly method: string;
  readonly path: string;
}

/** Every route of the admin console, read off the router: one that is added is asked without another word. */
export function adminRoutes(app: TestApp): Route[] {
  const { router } = app.nest.getHttpAdapter().getInstance() as Express;
  const layers = router.stack as unknown as { route?: { path: string; stack: { method: string }[] } }[];
  const all = layers.flatMap(({ route }) =>
    (route?.stack ?? []).map(({ method }) => ({ method: method.toUpperCase(), path: route?.path ?? '' })),
  );
  const unique = new Map(all.map((route) => [`${route.method} ${route.path}`, route]));
  return [...unique.values()]
    .filter(({ path }) => /^(\/api)?\/admin(\/|$)/.test(path))
    .filter(({ method }) => ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'].includes(method));
}
