import { OAuthGuard } from '../oauth/oauth.guard.js';

/** Begins a sign-in with Google on a route of your own: `@UseGuards(GoogleGuard)`. */
export const GoogleGuard = OAuthGuard('google');
