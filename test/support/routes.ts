import type { INestApplication } from '@nestjs/common';
import type { Express } from 'express';
import type { TestApp } from './app.js';

export interface Route {
  /** In upper case. */
  readonly method: string;
  readonly path: string;
}

/** Every route of an application, read off its router: a new one is tested without another line. */
export function routesOf(app: INestApplication): Route[] {
  const { router } = app.getHttpAdapter().getInstance() as Express;
  const layers = router.stack as unknown as { route?: { path: string; stack: { method?: string }[] } }[];
  const all = layers.flatMap(({ route }) =>
    (route?.stack ?? []).flatMap(({ method }) => (method ? [{ method: method.toUpperCase(), path: route!.path }] : [])),
  );
  return [...new Map(all.map((route) => [`${route.method} ${route.path}`, route])).values()];
}

/** Every route of the admin console. */
export function adminRoutes(app: TestApp): Route[] {
  return routesOf(app.nest)
    .filter(({ path }) => /^(\/api)?\/admin(\/|$)/.test(path))
    .filter(({ method }) => ['GET', 'POST', 'PATCH', 'PUT', 'DELETE'].includes(method));
}
