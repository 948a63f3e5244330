import type { Express, Request } from 'express';

/** A layer of Express's router, as far as it is looked at. */
interface RouteLayer {
  readonly route?: { readonly stack: readonly { readonly method?: string }[] };
  match(path: string): boolean;
}

/** The methods that this path has, for `Allow`. Asked only when a request has found no handler. */
export function methodsOf(request: Request): readonly string[] {
  const { router } = request.app as Express;
  const layers = router.stack as unknown as readonly RouteLayer[];
  const routes = layers.filter((layer) => layer.route !== undefined && layer.match(request.path));
  return [
    ...new Set(routes.flatMap(({ route }) => route?.stack ?? []).flatMap(({ method }) => method?.toUpperCase() ?? [])),
  ];
}
