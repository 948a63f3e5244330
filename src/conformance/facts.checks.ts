import { settingPrefix } from '../config/provider-settings.js';
import type { Check } from './check.js';
import { unfilledIn } from './template-mark.js';
import { claim, IncompleteFixture } from './trial.js';

/** The values in the provider's file, before any sign-in. */
export const FACTS: readonly Check[] = [
  {
    id: 'facts.template',
    sentence: 'its file and its fixture are filled in',
    isPrecondition: true,
    run: async ({ provider, fixture }) => {
      const open = [
        ...unfilledIn(provider).map((place) => `src/providers/${provider.id}.ts: ${place}`),
        ...unfilledIn(fixture).map((place) => `fixtures/${provider.id}.json: ${place}`),
      ];
      if (open.length > 0) throw new IncompleteFixture(`fill in\n${open.join('\n')}`);
      return Promise.resolve();
    },
  },
  {
    id: 'facts.id',
    sentence: 'its id makes a route and the names of its settings',
    run: async (trial) => {
      const { id } = trial.provider;
      claim(/^[a-z][a-z0-9-]{0,31}$/.test(id), `"${id}" is not lower case letters, digits and hyphens, 32 at most`);
      claim(/^[A-Z][A-Z0-9_]*$/.test(settingPrefix(id)), `"${settingPrefix(id)}_CLIENT_ID" is no name of a setting`);
      const { text } = await trial.browser().go('/api/providers');
      const listed = (JSON.parse(text) as { id: string; signInUrl: string }[]).filter((each) => each.id === id);
      claim(listed.length === 1, `GET /api/providers lists it ${listed.length} times`);
      claim(
        listed[0]?.signInUrl.endsWith(`/${id}`) ?? false,
        `it is begun at ${listed[0]?.signInUrl ?? ''}, not /${id}`,
      );
    },
  },
  {
    id: 'facts.https',
    sentence: 'every address of it is https',
    run: async ({ provider, fixture }) => {
      const { endpoints = {}, apiOrigins = [], consoleUrl, referenceUrl } = provider;
      const own = [...Object.values(endpoints), ...apiOrigins, consoleUrl ?? [], referenceUrl ?? []].flat();
      const documented = [
        fixture.authorization.address,
        fixture.token.address,
        fixture.refresh?.address ?? [],
        fixture.idToken?.keys ?? [],
        ...Object.keys(fixture.calls).map((key) => key.slice(key.indexOf(' ') + 1)),
      ].flat();
      const wrong = [...own, ...documented].filter((address) => !String(address).startsWith('https://'));
      claim(wrong.length === 0, `not https: ${wrong.join(', ')}`);
      return Promise.resolve();
    },
  },
  {
    id: 'facts.unchecked-address',
    sentence: 'where it vouches for addresses, its fixture has one that it has not checked',
    applies: ({ fixture }) => fixture.profile.emailVerified,
    run: async ({ fixture }) => {
      const others = [fixture.another, ...fixture.variants].flatMap((each) =>
        'profile' in each ? [each.profile] : [],
      );
      const refused = fixture.variants.some((variant) => 'code' in variant);
      if (!refused && !others.some(({ email, emailVerified }) => email !== null && !emailVerified)) {
        throw new IncompleteFixture(
          'add to variants what the provider says of an address that it has not checked, with "emailVerified": false',
        );
      }
      return Promise.resolve();
    },
  },
];
