import { Controller, Get, Header, Headers, UseFilters, UseGuards } from '@nestjs/common';
import { Public } from '../access/access.decorators.js';
import { bearerToken, unauthorized } from './bearer-token.js';
import { RefusalFilter } from './refusal.filter.js';
import { OAuthRefusal } from './stand-in.errors.js';
import { StandInTokens } from './stand-in-tokens.js';
import { ThisMachineGuard } from './this-machine.guard.js';

const SCOPE = 'https://www.googleapis.com/auth/calendar.readonly';

/** One address of Google's API, for the example of the README: the calendars of a test user. */
@Public()
@UseGuards(ThisMachineGuard)
@UseFilters(RefusalFilter)
@Controller('calendar/v3')
export class StandInCalendarController {
  constructor(private readonly tokens: StandInTokens) {}

  @Get('users/me/calendarList')
  @Header('Cache-Control', 'no-store')
  calendarList(@Headers('authorization') authorization?: string) {
    const opened = this.tokens.read(bearerToken(authorization));
    if (!opened) throw unauthorized();
    if (!opened.scopes.includes(SCOPE)) {
      throw new OAuthRefusal('insufficient_scope', `The access token lacks the scope ${SCOPE}.`, 403);
    }
    const { sub, name, email = sub } = opened.person.claims;
    return {
      kind: 'calendar#calendarList',
      items: [
        { kind: 'calendar#calendarListEntry', id: email, summary: name, primary: true },
        { kind: 'calendar#calendarListEntry', id: 'holidays', summary: 'Holidays' },
      ],
    };
  }
}
