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

/** `asked`: nobody has said so; the cluster is taken if Sonde is deployed there. `why`: there is a kubeconfig, and this keeps px from it. */
export type Destination =
  | { readonly kind: 'local'; readonly why?: '--local' | 'PX_TARGET' }
  | { readonly kind: 'cluster'; readonly context?: string; readonly asked?: true };

/** `--local` or `--context`, else PX_TARGET (`local`, or the name of a context), else the current context if there is a kubeconfig. */
export function destination({ env }: Context, where: Where): Destination {
  if (where.local && where.context !== undefined) throw new UsageError('--local and --context contradict each other');
  const files = env.KUBECONFIG ? env.KUBECONFIG.split(':') : [join(env.HOME ?? homedir(), '.kube', 'config')];
  const there = files.some((file) => existsSync(file));
  if (where.local) return { kind: 'local', ...(there ? { why: '--local' } : {}) };
  if (where.context !== undefined) return { kind: 'cluster', context: where.context };
  const target = env.PX_TARGET ?? '';
  if (target === 'local') return { kind: 'local', ...(there ? { why: 'PX_TARGET' } : {}) };
  if (target !== '') return { kind: 'cluster', context: target };
  return there ? { kind: 'cluster', asked: true } : { kind: 'local' };
}
