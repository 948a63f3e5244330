import type { OAuthProvider } from '../oauth/provider.js';
import { google } from './google.js';

/** THE LIST: every provider that comes with Gatehouse. One exists in an installation when it is configured there. */
export const CATALOGUE: readonly OAuthProvider[] = [google];
