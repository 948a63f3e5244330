import { applyDecorators } from '@nestjs/common';
import { RecentSignIn, Roles } from '../access/access.decorators.js';

/** A route that changes something: for admins who have signed in lately, since a desk may be left open. */
export const AdminAct = () => applyDecorators(Roles('admin'), RecentSignIn());
