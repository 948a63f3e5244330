import type { Express, Request } from 'express';

/** A layer of Express's router, as far as it is looked at. */
interface RouteLayer {
  readonly route?: { readonly stack: readonly { readonly method?: string }[] };
  match(path: string): boolean;
}

/** The methods that a path has; by itself, that of the request. Asked only where one was refused. */
export function methodsOf(request: Request, path = request.path): readonly string[] {
  const { router } = request.app as Express;
  const layers = router.stack as unknown as readonly RouteLayer[];
  const routes = layers.filter((layer) => layer.route !== undefined && layer.match(path));
  return [
    ...new Set(routes.flatMap(({ route }) => route?.stack ?? []).flatMap(({ method }) => method?.toUpperCase() ?? [])),
  ];
}
