import { Module } from '@nestjs/common';
import { DoctorController } from './doctor.controller.js';

/**
 * admin: what whoever runs this place sees and does. Roles `admin` and `viewer`; a viewer changes nothing.
 *
 *   GET /admin/doctor    what is wrong with this installation, and what to do   (doctor/)
 */
@Module({ controllers: [DoctorController] })
export class AdminModule {}
