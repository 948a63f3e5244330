import { Global, Module } from '@nestjs/common';
import { EventEmitterModule } from '@nestjs/event-emitter';
import { Announcer } from './announcer.js';
import { Gate } from './gate.js';

/**
 * events: two mechanisms on one emitter. The gate asks before anything is stored, the announcer tells afterwards.
 *
 * Both are blind to what is asked or told: each event is defined in the room that announces it, and `gatehouse.ts`
 * shows them together. Listeners are methods with @OnOAuthAuthorized() or @OnEvent(...).
 */
@Global()
@Module({
  imports: [EventEmitterModule.forRoot()],
  providers: [Gate, Announcer],
  exports: [Gate, Announcer],
})
export class EventsModule {}
