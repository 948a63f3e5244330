import { openIdProvider } from '../oauth/openid-provider.js';

export const gitea = openIdProvider({
  id: 'gitea',
  label: 'Gitea',
  referenceUrl: 'https://docs.gitea.com/development/oauth2-provider',
  notes: [
    'The issuer is the ROOT_URL of the server, with its slash at the end: `https://git.example.org/`.',
    'This provider also works with Forgejo and Codeberg: GITEA_ISSUER=https://codeberg.org/.',
  ],
});
