import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { nearest } from '#base';
import { UserError } from '#door';
import { openElf } from '#elf';
import { readBuildInfo } from '#gobin';
import { formatUpid, parseUpid, type Upid } from '#model';
import type { Resolution } from '#probe';
import {
  listPids,
  readCommandLine,
  readContainerId,
  readExecutableLink,
  readProcessStat,
  readProcessStatus,
  type Sys,
} from '#sys';
import type { Executable } from './executable.ts';
import type { Identity } from './identity.ts';
import { inflate } from './inflate.ts';
import { packedHints } from './packed.ts';
import { type Found, findInImages } from './place-of-function.ts';
import { executableOf } from './process-executable.ts';
import { GoLibraries, goImageOf } from './shared-objects.ts';

/** A running Go program. */
export interface GoProcess extends GoImage {
  readonly pid: number;
  readonly upid: Upid;
  /** In the process's own mount namespace. */
  readonly executable: string;
  readonly deleted: boolean;
  readonly container: string;
  /** Of Kubernetes, from its cgroup; empty outside any pod. */
  readonly podUid: string;
  readonly commandLine: string;
  readonly user: string;
}

/** What an executable says of itself. */
interface GoImage {
  readonly goVersion: string;
  /** Path of the main module, or of the main package where there is none. */
  readonly module: string;
  readonly symbols: boolean;
  readonly debugInfo: boolean;
  /** Go's, else the linker's; empty if the file has none. */
  readonly buildId: string;
}

/** Processes of a name that are no Go programs and are listed. */
const mostOthers = 5;

/** Finds Go processes in /proc. What a file says of itself is read once per file. */
export class Processes {
  readonly #sys: Sys;
  readonly #identity: Identity;
  /** By the file's identity; undefined: not a Go program. */
  readonly #images = new Map<string, GoImage | undefined>();

  constructor(sys: Sys, identity: Identity) {
    this.#sys = sys;
    this.#identity = identity;
  }

  /** All Go processes that this agent may look at, by pid. */
  list(): GoProcess[] {
    const found: GoProcess[] = [];
    for (const pid of listPids(this.#sys)) {
      const process = this.#inspect(pid);
      if (process) found.push(process);
    }
    if (this.#images.size > 10_000) this.#images.clear();
    return found;
  }

  /** The Go process of a pid; undefined for another one, or none. */
  goProcess(pid: number): GoProcess | undefined {
    return this.#inspect(pid);
  }

  /**
   * The processes that a pid, a UPID or a process name means: at least one.
   * @throws UserError that says why there is none.
   */
  find(text: string): GoProcess[] {
    if (/^\d+$/.test(text)) return [this.#byPid(Number(text))];
    const upid = parseUpid(text);
    if (upid) return [this.byUpid(upid)];
    const all = this.list();
    const matching = all.filter((process) => namesOf(process).includes(text) || process.executable === text);
    if (matching.length > 0) return matching;
    const near = nearest(text, new Set(all.flatMap(namesOf)));
    const others = listPids(this.#sys).filter((pid) => readProcessStat(this.#sys, pid)?.comm === text);
    throw new UserError([
      {
        id: 'agent.no-such-process',
        message: `no Go process is named ${text === '' ? "''" : text}`,
        hints: [
          ...(others.length === 0
            ? []
            : [
                `pid ${others.slice(0, mostOthers).join(', ')} is no Go program: one that has loaded a Go library is named by its pid`,
              ]),
          near.length > 0 ? `did you mean ${near.join(', ')}?` : 'px ps lists the Go processes',
        ],
      },
    ]);
  }

  /** @throws UserError for a process of another machine, one that has ended, or another process with its pid. */
  byUpid(upid: Upid): GoProcess {
    const text = formatUpid(upid);
    const refuse = (id: string, message: string, hint = 'px run px/upids lists the Go processes with their UPIDs') =>
      new UserError([{ id, message, hints: [hint] }]);
    if (upid.agentId !== this.#identity.agentId) {
      const own = this.#identity.agentId.toString(16).padStart(8, '0');
      throw refuse('agent.upid-elsewhere', `UPID ${text} is not of this machine, whose UPIDs begin with ${own}`);
    }
    const stat = readProcessStat(this.#sys, upid.pid);
    if (!stat) throw refuse('agent.upid-ended', `the process of UPID ${text} (pid ${upid.pid}) has ended`);
    if (stat.startTicks !== upid.startTicks) {
      throw refuse(
        'agent.upid-reused',
        `the process of UPID ${text} has ended: pid ${upid.pid} is now another process (${stat.comm})`,
      );
    }
    return this.#byPid(upid.pid);
  }

  /** `findInImages` */
  findIn<T>({ pid }: GoProcess, look: (image: Executable) => Resolution<T>): Found<T> {
    return findInImages(this.#sys, pid, look);
  }

  /** Whether the process of a UPID still runs. */
  alive(upid: Upid): boolean {
    const stat = readProcessStat(this.#sys, upid.pid);
    return stat !== undefined && stat.startTicks === upid.startTicks && stat.state !== 'Z';
  }

  #byPid(pid: number): GoProcess {
    const stat = readProcessStat(this.#sys, pid);
    if (!stat)
      throw new UserError([
        { id: 'agent.no-such-process', message: `there is no process ${pid}`, hints: ['px ps lists the Go processes'] },
      ]);
    if (stat.state === 'Z') throw new UserError(`process ${pid} (${stat.comm}) has ended and waits for its parent`);
    // A permission problem must be told as such, not as "not a Go program".
    using executable = executableOf(pid);
    const process = this.#inspect(pid, (pid) => goImageOf(this.#sys, pid));
    if (process) return process;
    throw new UserError([
      {
        id: 'agent.not-go',
        message: `process ${pid} (${stat.comm}) is not a Go program`,
        hints: [...packedHints(executable), ...libraryHints(this.#sys, pid), 'px ps lists the Go processes'],
      },
    ]);
  }

  /** Undefined for what is no Go program, has ended meanwhile, or may not be looked at. */
  #inspect(pid: number, imageOf = executableOf): GoProcess | undefined {
    const stat = readProcessStat(this.#sys, pid);
    if (!stat || stat.state === 'Z') return undefined;
    try {
      const link = readExecutableLink(this.#sys, pid);
      if (!link) return undefined;
      using executable = imageOf(pid);
      const image = this.#image(executable);
      if (!image) return undefined;
      const container = readContainerId(this.#sys, pid);
      return {
        ...image,
        pid,
        upid: { agentId: this.#identity.agentId, pid, startTicks: stat.startTicks },
        executable: link.path,
        deleted: link.deleted,
        container: container?.id ?? '',
        podUid: container?.podUid ?? '',
        commandLine: (readCommandLine(this.#sys, pid) ?? []).join(' '),
        user: userName(readProcessStatus(this.#sys, pid)?.uid),
      };
    } catch {
      return undefined;
    }
  }

  #image(executable: Executable): GoImage | undefined {
    const { identity } = executable;
    if (!this.#images.has(identity)) this.#images.set(identity, readImage(executable));
    return this.#images.get(identity);
  }
}

function libraryHints(sys: Sys, pid: number): string[] {
  using libraries = new GoLibraries(sys, pid);
  const paths = libraries.all.map(({ path }) => path);
  const several = `it has loaded several Go libraries, of which none is traced in a program of another language: ${paths.join(', ')}`;
  return [...(paths.length === 0 ? [] : [several]), ...libraries.unread];
}

function readImage(executable: Executable): GoImage | undefined {
  try {
    const elf = openElf(executable, inflate);
    const info = readBuildInfo(elf);
    if (!info) return undefined;
    return {
      goVersion: info.goVersion,
      module: info.module || info.path || '',
      symbols: elf.header('.symtab') !== undefined,
      debugInfo: elf.header('.debug_info') !== undefined || elf.header('.zdebug_info') !== undefined,
      buildId: elf.goBuildId ?? elf.gnuBuildId ?? '',
    };
  } catch {
    return undefined;
  }
}

/** What people call a process: its executable's name and that of its first argument. */
function namesOf(process: GoProcess): string[] {
  return [basename(process.executable), basename(process.commandLine.split(' ')[0] ?? '')].filter(
    (name) => name !== '',
  );
}

/** The agent's own user by name, where this root has one for it; others by number. */
function userName(uid: number | undefined): string {
  if (uid === undefined) return '';
  if (uid !== process.getuid?.()) return String(uid);
  try {
    return userInfo().username;
  } catch {
    return String(uid);
  }
}
