import { Controller, Get, Module } from '@nestjs/common';
import { CurrentUser, OAuthError, ProviderClient, RequireScopes, type SignedInUser } from 'gatehouse';
import { z } from 'zod';

/** What is read of Google's answer. */
const calendarList = z.object({ items: z.array(z.object({ summary: z.string() })).default([]) });

@Controller('calendars')
class CalendarsController {
  constructor(private readonly client: ProviderClient) {}

  /** The names of the person's calendars. */
  @Get()
  @RequireScopes('google', 'https://www.googleapis.com/auth/calendar.readonly')
  async names(@CurrentUser() user: SignedInUser): Promise<string[]> {
    const answer = await this.client.for(user, 'google').fetch('/calendar/v3/users/me/calendarList');
    if (!answer.ok) throw new OAuthError('provider_refused', 'api', `calendarList answered ${answer.status}`);
    return calendarList.parse(await answer.json()).items.map(({ summary }) => summary);
  }
}

@Module({ controllers: [CalendarsController] })
export default class CalendarModule {}
