/** The member of that name, and nothing that every object inherits: a name can be `constructor` or `__proto__`. */
export function own<Value>(members: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(members, name) ? members[name] : undefined;
}
