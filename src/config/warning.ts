/** What is allowed and worth knowing all the same: a sentence, and one on what to do. */
export interface Warning {
  readonly what: string;
  readonly remedy: string;
}
