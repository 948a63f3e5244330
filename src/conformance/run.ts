import type { Type } from '@nestjs/common';
import { OAuthError } from '../oauth/oauth.errors.js';
import type { OAuthProvider } from '../oauth/provider.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';
import { type Application, startApplication } from './application.js';
import { CHECKS } from './checks.js';
import { DocumentedProvider } from './documented-provider.js';
import { FakeProvider } from './fake-provider.js';
import type { Fixture } from './fixture.js';
import { neighbour } from './neighbour.js';
import { registerClient, type RegisteredClient } from './registered-client.js';
import { scenarioOf } from './scenario.js';
import { SigningKeys } from './signing-keys.js';
import { Deviation, IncompleteFixture, Trial } from './trial.js';

/** A provider of the catalogue or of an extension, and what its provider documents. */
export interface Candidate {
  readonly id: string;
  readonly fixture: Fixture;
}

export interface CheckResult {
  readonly id: string;
  readonly sentence: string;
  readonly tookMs: number;
  /** Undefined: passed. */
  readonly reason?: string;
  /** It fails because the fixture says too little. */
  readonly isIncomplete?: true;
}

export interface ProviderResult {
  readonly id: string;
  readonly checks: readonly CheckResult[];
  readonly signIns: number;
  readonly tookMs: number;
}

export interface KitParts {
  /** A database of its own: the people in it are deleted all the time. */
  readonly databaseUrl: string;
  /** What is checked, and whatever else belongs into the application. */
  readonly catalogue: readonly OAuthProvider[];
  /** Modules that bring further providers. */
  readonly extensions?: readonly Type[];
  readonly candidates: readonly Candidate[];
}

/** The application with every candidate in it, and the fake behind it: started once, checked one by one. */
export class ConformanceKit {
  private constructor(
    private readonly parts: KitParts,
    private readonly clients: ReadonlyMap<string, RegisteredClient>,
    private readonly fake: FakeProvider,
    private readonly keys: SigningKeys,
    private readonly application: Application,
    private readonly log: string[],
  ) {}

  static async start(parts: KitParts): Promise<ConformanceKit> {
    const [fake, keys] = await Promise.all([FakeProvider.start(), SigningKeys.make()]);
    const clients = new Map(parts.candidates.map(({ id, fixture }) => [id, registerClient(fixture)]));
    try {
      const log: string[] = [];
      const application = await startWith(parts, clients, fake, log);
      return new ConformanceKit(parts, clients, fake, keys, application, log);
    } catch (error) {
      await fake.close();
      throw error;
    }
  }

  async stop(): Promise<void> {
    await this.application.close();
    await this.fake.close();
  }

  /** Runs one candidate through every check that has a meaning for it. */
  async check({ id, fixture }: Candidate): Promise<ProviderResult> {
    const begun = performance.now();
    const trial = this.#trial({ id, fixture }, this.application);
    const checks: CheckResult[] = [];
    for (const check of CHECKS) {
      if (check.applies && !check.applies(trial)) continue;
      const { id: name, sentence } = check;
      const startedAt = performance.now();
      this.fake.played = trial.played;
      trial.played.complaints.length = 0;
      try {
        await trial.forgetPeople();
        await check.run(trial);
        checks.push({ id: name, sentence, tookMs: performance.now() - startedAt });
      } catch (error) {
        checks.push({ id: name, sentence, tookMs: performance.now() - startedAt, ...failure(error, trial.played) });
        if (check.isPrecondition) break;
      } finally {
        this.fake.faults.clear();
      }
    }
    this.fake.played = undefined;
    this.fake.requests.length = 0;
    this.log.length = 0;
    return { id, checks, signIns: trial.signIns, tookMs: performance.now() - begun };
  }

  #trial({ id, fixture }: Candidate, application: Application): Trial {
    const client = this.clients.get(id);
    if (!client) throw new TypeError(`"${id}" is no candidate of this kit.`);
    const { provider } = application.nest.get(ProviderRegistry).get(id);
    const usual = scenarioOf(fixture);
    const describesItself = provider.endpoints === undefined || fixture.settings.ISSUER !== undefined;
    const played = new DocumentedProvider(fixture, client, this.keys, describesItself, usual);
    const trial: Trial = new Trial(
      { provider, fixture, application, fake: this.fake, keys: this.keys, played, usual },
      (settings, work) => this.#elsewhere({ id, fixture: { ...fixture, settings } }, trial, work),
    );
    return trial;
  }

  /** For as long as the work takes, an application whose operator has set something else. */
  async #elsewhere(candidate: Candidate, here: Trial, work: (trial: Trial) => Promise<void>): Promise<void> {
    const application = await startWith({ ...this.parts, candidates: [candidate] }, this.clients, this.fake, this.log);
    try {
      const there = this.#trial(candidate, application);
      this.fake.played = there.played;
      await work(there);
      here.signIns += there.signIns;
    } finally {
      this.fake.played = here.played;
      await application.close();
    }
  }
}

async function startWith(
  { databaseUrl, catalogue, extensions, candidates }: KitParts,
  clients: ReadonlyMap<string, RegisteredClient>,
  fake: FakeProvider,
  log: string[],
): Promise<Application> {
  const checked = candidates.map(({ id, fixture: { settings } }) => ({
    id,
    // A fixture says what the provider's word is; that an operator takes it is another matter (email.operator).
    settings: { TRUST_EMAILS: '1', ...settings },
    client: clients.get(id) ?? { id: '', secret: '' },
  }));
  const other = { id: neighbour.id, settings: {}, client: { id: 'neighbour', secret: 'neighbour secret' } };
  return startApplication({
    databaseUrl,
    catalogue: [...catalogue, neighbour],
    configured: [...checked, other],
    extensions,
    fake,
    log,
  });
}

function failure(error: unknown, { complaints }: DocumentedProvider): Pick<CheckResult, 'reason' | 'isIncomplete'> {
  if (error instanceof IncompleteFixture) return { reason: error.message, isIncomplete: true };
  if (error instanceof Deviation) return { reason: error.message };
  const reasons = [...new Set(complaints)];
  // Thrown by what was asked of the application directly.
  if (error instanceof OAuthError) return { reason: [`${error.code} (${error.message})`, ...reasons].join('; ') };
  const trace = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { reason: `the check itself failed: ${trace}` };
}
