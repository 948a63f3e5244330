import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Invitation } from './invitation.entity.js';
import { InvitationsApi } from './invitations.api.js';
import { InvitationsController } from './invitations.controller.js';
import { InvitationsService } from './invitations.service.js';
import { PeopleApi } from './people.api.js';
import { PeopleController } from './people.controller.js';
import { PeopleService } from './people.service.js';
import { PersonReader } from './person.reader.js';

/**
 * admin: what whoever runs this place sees and does. Roles `admin` and `viewer`; a viewer changes nothing.
 *
 *   PATCH /api/admin/users/:id, DELETE …/sessions, /api/admin/accounts/:id     (people.api)
 *   POST  /admin/users/:id/block, …/unblock, …/role, …/sessions/end            (people.controller)
 *   POST  /admin/accounts/:id/unlink
 *   POST  /api/admin/invitations, DELETE …/:id                                 (invitations.api)
 *   POST  /admin/invitations, …/:id/withdraw                                   (invitations.controller)
 */
@Module({
  imports: [TypeOrmModule.forFeature([Invitation])],
  controllers: [PeopleApi, PeopleController, InvitationsApi, InvitationsController],
  providers: [PeopleService, PersonReader, InvitationsService],
})
export class AdminModule {}
