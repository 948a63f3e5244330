import { Controller, Get, Inject, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { DataSource } from 'typeorm';
import { CurrentUser, Roles } from '../access/access.decorators.js';
import type { SignedInUser } from '../access/signed-in.js';
import type { Config } from '../config/config.js';
import { CONFIG } from '../config/config.module.js';
import { browserViewFindings, browserViewOf } from '../doctor/browser-view.js';
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
import { frameOf } from './frame.js';

@Controller('admin/doctor')
@Roles('admin', 'viewer')
export class DoctorController {
  #asking: Promise<Finding[]> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    private readonly registry: ProviderRegistry,
    private readonly dataSource: DataSource,
  ) {}

  @Get()
  async show(@CurrentUser() user: SignedInUser, @Req() request: Request, @Res() response: Response): Promise<void> {
    const findings = inOrder([
      ...settingsFindings(this.config),
      ...browserViewFindings(browserViewOf(request), this.config),
      ...cookieFindings(this.config),
      ...redirectUriFindings(this.#registrations()),
      ...keyRingFindings(this.config),
      ...standInFindings(this.registry.hasStandIn, this.config.baseUrl),
      ...extensionFindings(this.config.extensions),
      ...(await this.#ask()),
    ]);
    const of = (status: Finding['status']) => findings.filter((finding) => finding.status === status).length;
    const areas = [...new Set(findings.map(({ area }) => area))].map((area) => ({
      name: `${area.charAt(0).toUpperCase()}${area.slice(1)}`,
      id: area.replaceAll(' ', '-'),
      findings: findings.filter((finding) => finding.area === area).map((finding) => shown(finding)),
    }));
    response.render('admin/doctor', {
      title: 'Doctor',
      ...frameOf('doctor', user),
      sum: sumOf(of('problem'), of('warning')),
      areas,
    });
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

function shown({ status, what, remedy }: Finding) {
  return { status, what, remedy, down: status === 'problem' };
}

function sumOf(problems: number, warnings: number): string {
  if (problems + warnings === 0) return 'Nothing is wrong.';
  const parts = [
    ...(problems > 0 ? [problems === 1 ? '1 problem' : `${problems} problems`] : []),
    ...(warnings > 0 ? [warnings === 1 ? '1 warning' : `${warnings} warnings`] : []),
  ];
  return `${parts.join(' and ')}.`;
}
