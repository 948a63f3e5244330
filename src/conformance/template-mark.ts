/** Stands wherever a new provider's file or fixture does not say yet what the provider documents. */
export const FILL_IN = 'FILL IN';
/** The same in an address, which must be one to be read at all. */
export const FILL_IN_HOST = 'fill-in.example';

/** The members that hold a mark: `authorization.address`, `calls["GET https://fill-in.example/api/me"]`. */
export function unfilledIn(value: unknown, path = ''): string[] {
  if (typeof value === 'string') return isUnfilled(value) ? [`${path} (${value})`] : [];
  if (Array.isArray(value)) return value.flatMap((item: unknown, index) => unfilledIn(item, `${path}[${index}]`));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => {
    const place = /^\w+$/.test(name) ? `${path}${path === '' ? '' : '.'}${name}` : `${path}["${name}"]`;
    return [...(isUnfilled(name) ? [place] : []), ...unfilledIn(inner, place)];
  });
}

function isUnfilled(text: string): boolean {
  return text.includes(FILL_IN) || text.includes(FILL_IN_HOST);
}
