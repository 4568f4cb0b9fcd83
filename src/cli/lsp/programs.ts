import { basename } from 'node:path';
import type { sonde } from '#api';
import { formatUpid, type Target } from '#model';
import { type Catalog, offlineCatalog } from '#planner';
import { type Agent, sondeMethods } from '../connect/agent.ts';
import { agentCatalog } from '../connect/tables.ts';
import type { BinaryFunction, Programs } from './completion.ts';

/** An editor shows no more, and asks again with the next letter. */
const mostFunctions = 200;
/** How long what the agent said counts, in milliseconds. */
const fresh = 5_000;

/** What the agent knows, if one runs: tables, and functions of processes. Without one, what every machine has. */
export class AgentKnowledge implements Programs {
  readonly #agent: () => Promise<Agent | undefined>;
  /** Process, UPID or name, whose functions are wanted; undefined: those that the script names, or all. */
  readonly #process: string | undefined;
  #catalog: Catalog = offlineCatalog;
  #asked = 0;

  constructor(agent: () => Promise<Agent | undefined>, process: string | undefined) {
    this.#agent = agent;
    this.#process = process;
  }

  async catalog(): Promise<Catalog> {
    if (Date.now() - this.#asked < fresh) return this.#catalog;
    this.#asked = Date.now();
    const agent = await this.#agent();
    this.#catalog = (agent && (await agentCatalog(agent).catch(() => undefined))) ?? offlineCatalog;
    return this.#catalog;
  }

  async functions(pattern: string, targets: readonly Target[], path = ''): Promise<readonly BinaryFunction[]> {
    const agent = await this.#agent();
    if (agent === undefined) return [];
    const found = new Map<string, BinaryFunction>();
    // The agent may be gone, or a process, or its file is one that the agent cannot read: an editor goes on without.
    for (const process of await this.#processes(agent, targets).catch(() => [])) {
      await this.#functionsOf(agent, { process, pattern, path, pods: undefined }, found).catch(() => {});
      if (found.size >= mostFunctions) break;
    }
    return [...found.values()];
  }

  async #functionsOf(
    agent: Agent,
    request: sonde.ListFunctionsRequest,
    into: Map<string, BinaryFunction>,
  ): Promise<void> {
    const stream = agent.stream(sondeMethods.listFunctions, request);
    for await (const { name, signature, fields } of stream) {
      into.set(name, { name, signature, fields });
      if (into.size >= mostFunctions) break;
    }
    stream.cancel();
  }

  async #processes(agent: Agent, targets: readonly Target[]): Promise<readonly string[]> {
    if (this.#process !== undefined) return [this.#process];
    const { processes } = await agent.call(sondeMethods.listProcesses, { pods: undefined, one: false });
    const wanted = processes.filter((each) => targets.some((target) => fits(each, target)));
    return (wanted.length > 0 ? wanted : processes).map((each) => each.upid);
  }
}

/** Whether a script traces a process, as far as an editor can tell. */
function fits(process: sonde.ProcessInfo, target: Target): boolean {
  if (target.kind === 'upid') return process.upid === formatUpid(target.upid);
  if (target.kind === 'processes') {
    const { executable, name } = target.processes;
    const names = [process.executable, process.commandLine.split(' ')[0]!].map((path) => basename(path));
    return (executable ?? process.executable) === process.executable && (name === undefined || names.includes(name));
  }
  const { namespace, pod = '', container } = target.pods;
  const named = process.pod === pod || pod === '' || process.pod.startsWith(`${pod}-`);
  return process.namespace === namespace && named && (container ?? process.containerName) === process.containerName;
}
