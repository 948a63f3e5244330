import { SignIn1764000000000 } from './1764000000000-sign-in.js';

/** Every migration in order. A list and not a glob: what runs is what is written here. */
export const MIGRATIONS = [SignIn1764000000000];
