/** An error whose message was written for the person at the terminal: what is wrong and what to do, without a secret. */
export class PlainError extends Error {}
