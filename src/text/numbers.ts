const NUMBER = new Intl.NumberFormat('en');

/** `2,000` */
export function inFull(number: number | bigint): string {
  return NUMBER.format(number);
}

/** `1 row`, `2,000 rows` */
export function counted(number: number | bigint, one: string, many = `${one}s`): string {
  return `${inFull(number)} ${number === 1 || number === 1n ? one : many}`;
}
