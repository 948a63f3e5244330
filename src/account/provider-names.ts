import { Injectable } from '@nestjs/common';
import { ProviderRegistry } from '../oauth/provider.registry.js';

/** A provider as a page shows it. */
export interface NamedProvider {
  readonly id: string;
  readonly label: string;
  readonly mark: string | undefined;
  /** Whether it can be signed in with here. */
  readonly configured: boolean;
}

/** The names of providers, of those as well that somebody has an account at and that are configured no more. */
@Injectable()
export class ProviderNames {
  constructor(private readonly registry: ProviderRegistry) {}

  of(id: string): NamedProvider {
    if (!this.registry.has(id)) return { id, label: id, mark: undefined, configured: false };
    const { label, provider } = this.registry.get(id);
    return { id, label, mark: provider.mark, configured: true };
  }

  /** By which a session was begun; undefined where that account is gone. */
  ofSession({ provider }: { provider: string | null }): NamedProvider | undefined {
    return provider === null ? undefined : this.of(provider);
  }

  /** All that are configured, in the order of the sign-in page. */
  all(): NamedProvider[] {
    return this.registry.list().map(({ id }) => this.of(id));
  }
}
