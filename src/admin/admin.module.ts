import { Module } from '@nestjs/common';

/**
 * admin: what whoever runs this place sees and does. Roles `admin` and `viewer`; a viewer changes nothing.
 */
@Module({})
export class AdminModule {}
