import type { Address, Diagnostic, FileOffset } from '#base';
import {
  type Architecture,
  analyse,
  type CodeShape,
  type DecodedCode,
  flow,
  type GoFunction,
  type GoSignature,
} from '#gobin';
import type { ProbeSites, Resolution, Site } from '../types.ts';
import { chooseEntry, classify, type EntryChoice, instructionBytes } from './entry.ts';
import { grownTest } from './grown.ts';
import { tableTargets } from './tables.ts';
import { allIntact, alwaysIntact, type Intact } from './wants.ts';

/** What of the binary and its machine the choice needs. */
export interface SiteContext {
  readonly architecture: Architecture;
  /** Does a `runtime.morestack*` start there? */
  readonly isMorestack: (address: Address) => boolean;
  /** Where in the file an address comes from; undefined: not from the file. */
  readonly fileOffset: (address: Address) => FileOffset | undefined;
  /** Text of the one instruction that the bytes are. */
  readonly format: (bytes: Uint8Array, at: Address) => string;
  /** Name of the function that starts at an address. */
  readonly functionName?: (address: Address) => string | undefined;
  /** Of the function that starts at an address. */
  readonly signature?: (entry: Address) => GoSignature | undefined;
  /** Bytes of the binary at an address, for switch tables; undefined where there are none. */
  readonly read?: (address: Address, size: number) => Uint8Array | undefined;
}

export interface SiteWants {
  readonly entry: boolean;
  readonly returns: boolean;
  /** What is read at the entry; left out: everything. */
  readonly intact?: Intact;
}

/**
 * The instructions to be probed for one function, by the rules of FACTS.md ("Rules for probes", 1–6). Fails with diagnostics
 * (`probe.loop-head`, `probe.no-entry-site`, `probe.no-return-site`, `probe.undecodable`) where no site would tell the truth; asking for less
 * (returns without the entry, or the other way round) may still succeed.
 *
 * Entry and return fall on one instruction in functions that are a single `ret` or `jmp`: the entry program must run first there, which
 * the kernel does when it is attached last.
 */
export function chooseSites(
  fn: GoFunction,
  code: DecodedCode,
  context: SiteContext,
  wants: SiteWants,
): Resolution<ProbeSites> {
  if (code.invalidAt >= 0) {
    const at = code.offsets[code.count]!;
    return refuse(
      'probe.undecodable',
      `the code of ${fn.name} cannot be decoded at ${place(at)}, so its instructions are not known`,
    );
  }
  const shape = analyse(code, { isMorestack: context.isMorestack, tableTargets: tableTargets(code, context) });
  const diagnostics: Diagnostic[] = [];
  const warnings: string[] = [];
  const exits = new Set([...shape.returns, ...shape.tails]);
  let entry: Site | undefined;
  if (wants.entry) {
    const all = wants.intact ?? allIntact(context.architecture);
    const intact = alwaysIntact(context.architecture, all, fn.assembly || shape.check >= 0);
    const choice = chooseEntry(context.architecture, code, shape, intact, exits);
    if (choice === undefined) diagnostics.push(noEntry(fn, shape));
    else {
      const grown = grownTest(context.architecture, code, shape, intact);
      entry = site(code, choice.index, 'entry', context, diagnostics, { ...choice, ...(grown && { grown }) });
      if (choice.class === 'stepped') warnings.push(steppedWarning(code, choice, context));
    }
  }
  const returns: Site[] = [];
  if (wants.returns) {
    const reason = noReturns(fn, code, shape, context);
    if (reason !== undefined) diagnostics.push({ id: 'probe.no-return-site', message: reason });
    else {
      for (const index of shape.returns) push(returns, site(code, index, 'return', context, diagnostics));
      for (const index of shape.tails) push(returns, site(code, index, 'tail', context, diagnostics));
      returns.sort((a, b) => a.address - b.address);
      if (returns.length === 0)
        warnings.push(`${fn.name} has no return instruction: its calls end by a panic or not at all`);
    }
  }
  if (diagnostics.length > 0) return { ok: false, diagnostics };
  return { ok: true, value: { function: fn, ...(entry && { entry }), returns, warnings } };
}

function noEntry(fn: GoFunction, shape: CodeShape): Diagnostic {
  if (shape.loopHead) {
    return {
      id: 'probe.loop-head',
      message: `the entry of ${fn.name} is a loop head: no instruction tells a call from a turn of the loop, so arguments and latency cannot be captured`,
      hints: ['results alone can be captured'],
    };
  }
  return {
    id: 'probe.no-entry-site',
    message: `${fn.name} has no instruction that every call runs once with its arguments still in place`,
    hints: ['results alone can be captured'],
  };
}

/** Why the function's returns cannot be probed, or undefined. */
function noReturns(fn: GoFunction, code: DecodedCode, shape: CodeShape, context: SiteContext): string | undefined {
  if (fn.assembly && shape.indirectJumps.length > 0) {
    const at = code.offsets[shape.indirectJumps[0]!]!;
    return `${fn.name} is assembly with a computed jump at ${place(at)}: where its calls end is not known`;
  }
  const conditional = shape.tails.find((index) => code.flow[index] === flow.conditional);
  if (conditional !== undefined) {
    return `${fn.name} may leave by the conditional jump at ${place(code.offsets[conditional]!)}: where its calls end is not known`;
  }
  for (const index of [...shape.returns, ...shape.tails]) {
    if (classify(context.architecture, code, index) === 'refused') {
      return `the kernel takes no probe on the return of ${fn.name} at ${place(code.offsets[index]!)} (${textOf(code, index, context)})`;
    }
  }
  return undefined;
}

/** The probe site at an instruction; undefined, after a diagnostic, where the address is not of the file. */
export function site(
  code: DecodedCode,
  index: number,
  role: Site['role'],
  context: SiteContext,
  diagnostics: Diagnostic[],
  choice?: EntryChoice,
): Site | undefined {
  const address = addressOf(code, index);
  const offset = context.fileOffset(address);
  if (offset === undefined) {
    diagnostics.push({
      id: 'probe.not-in-file',
      message: `address 0x${address.toString(16)} does not come from the binary's file`,
    });
    return undefined;
  }
  let text: string | undefined;
  return {
    address,
    offset,
    bytes: Uint8Array.from(instructionBytes(code, index)),
    class: choice?.class ?? classify(context.architecture, code, index),
    role,
    ...(choice?.notTaken && { notTaken: choice.notTaken }),
    ...(choice?.grown && { grown: choice.grown }),
    // Of the sites of thousands of functions nobody reads it.
    get text() {
      text ??= textOf(code, index, context);
      return text;
    },
  };
}

function steppedWarning(code: DecodedCode, choice: EntryChoice, context: SiteContext): string {
  const text = textOf(code, choice.index, context);
  return (
    `entry at ${place(code.offsets[choice.index]!)} (${text}) is single-stepped: two traps a call, ` +
    'about 1 µs on bare metal, 13–17 µs in a virtual machine'
  );
}

function textOf(code: DecodedCode, index: number, context: SiteContext): string {
  return context.format(instructionBytes(code, index), addressOf(code, index));
}

function addressOf(code: DecodedCode, index: number): Address {
  return (code.entry + code.offsets[index]!) as Address;
}

function place(offset: number): string {
  return `+0x${offset.toString(16)}`;
}

function push<T>(list: T[], item: T | undefined): void {
  if (item !== undefined) list.push(item);
}

function refuse(id: string, message: string): Resolution<never> {
  return { ok: false, diagnostics: [{ id, message }] };
}
