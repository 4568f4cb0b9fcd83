import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Context } from '../context.ts';
import { UsageError } from '../failure.ts';

/** What the command line says of where to go. */
export interface Where {
  readonly local?: boolean;
  /** Name of a context of the kubeconfig. */
  readonly context?: string;
}

/** `asked`: nobody has said so; the cluster is taken if Sonde is deployed there. */
export type Destination =
  | { readonly kind: 'local' }
  | { readonly kind: 'cluster'; readonly context?: string; readonly asked?: true };

/** `--local` or `--context`, else PX_TARGET (`local`, or the name of a context), else the current context if there is a kubeconfig. */
export function destination({ env }: Context, where: Where): Destination {
  if (where.local && where.context !== undefined) throw new UsageError('--local and --context contradict each other');
  if (where.local) return { kind: 'local' };
  if (where.context !== undefined) return { kind: 'cluster', context: where.context };
  const target = env.PX_TARGET ?? '';
  if (target === 'local') return { kind: 'local' };
  if (target !== '') return { kind: 'cluster', context: target };
  const files = env.KUBECONFIG ? env.KUBECONFIG.split(':') : [join(env.HOME ?? homedir(), '.kube', 'config')];
  return files.some((file) => existsSync(file)) ? { kind: 'cluster', asked: true } : { kind: 'local' };
}
