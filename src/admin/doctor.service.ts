import { Inject, Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { browserViewFindings, type BrowserView } from '../doctor/browser-view.js';
import { askAround, extensionFindings, inOrder } from '../doctor/doctor.js';
import type { Finding } from '../doctor/finding.js';
import {
  cookieFindings,
  keyRingFindings,
  redirectUriFindings,
  settingsFindings,
  standInFindings,
} from '../doctor/settings.checks.js';
import { ProviderRegistry } from '../oauth/provider.registry.js';

/** The doctor on the installation that runs, as whoever looks has reached it. */
@Injectable()
export class Doctor {
  #asking: Promise<Finding[]> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly registry: ProviderRegistry,
    private readonly dataSource: DataSource,
  ) {}

  /** @returns by area, and in each the worst first */
  async examine(view: BrowserView): Promise<Finding[]> {
    return inOrder([
      ...settingsFindings(this.config),
      ...browserViewFindings(view, this.config),
      ...cookieFindings(this.config),
      ...redirectUriFindings(this.#registrations()),
      ...keyRingFindings(this.config),
      ...standInFindings(this.registry.hasStandIn, this.config.baseUrl),
      ...extensionFindings(this.config.extensions),
      ...(await this.#ask()),
    ]);
  }

  /** Several who look at the same time get the same answer: a provider must not be asked once for each of them. */
  async #ask(): Promise<Finding[]> {
    this.#asking ??= askAround({
      production: this.config.production,
      providers: this.registry.list(),
      databaseUrl: (this.dataSource.options as { readonly url?: string }).url,
      keyIds: this.config.secretKeys.map(({ id }) => id),
    }).finally(() => (this.#asking = undefined));
    return this.#asking;
  }

  #registrations() {
    const real = this.registry.hasStandIn ? [] : this.registry.list();
    return real.map(({ label, redirectUri, provider }) => ({ label, redirectUri, consoleUrl: provider.consoleUrl }));
  }
}
