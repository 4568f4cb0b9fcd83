import {
  type AccessSize,
  arithmetic,
  callHelper,
  compareAndExchange,
  condition,
  decode,
  exit,
  fetch,
  type Helper,
  helperName,
  type Instruction,
  loadImmediate64,
  mayGoto,
  mode,
  opcodeClass,
  type Program,
  pseudo,
  r0,
  registerOperand,
  slots,
} from '#asm';
import { loopWithoutJump } from './loops.ts';
import { UserMemory } from './memory.ts';

/** The program did what no verifier would let pass: a bug in the emitter. */
export class BadProgram extends Error {}

/** include/uapi/linux/bpf.h: BPF_RB_NO_WAKEUP, BPF_RB_FORCE_WAKEUP. */
const noWakeup = 1n;
const forceWakeup = 2n;

/** What a program runs in. Plain data that tests set and look at. */
export interface World {
  /** `struct pt_regs`. */
  readonly context: Uint8Array;
  readonly user: UserMemory;
  /** Kernel memory that probe_read_kernel sees. */
  readonly kernel: UserMemory;
  readonly control: BigUint64Array;
  /** The table of types, and the entries of the map of dynamic types by descriptor. */
  types: Uint8Array;
  readonly dynamic: Map<bigint, Uint8Array>;
  /** Submitted records, in order of their reservation. */
  readonly records: Uint8Array[];
  /** How many more reservations succeed. */
  room: number;
  /** What ringbuf_query says: bytes that nobody has read. */
  unread: bigint;
  /** How often the reader of the ring was woken. */
  wakes: number;
  tgid: number;
  /** What get_ns_current_pid_tgid knows: undefined fails the helper. */
  namespace?: { readonly device: bigint; readonly inode: bigint; readonly tgid: number };
  task: bigint;
  /** Grows by one a call of ktime_get_ns. */
  ktime: bigint;
  cookie: bigint;
  cpu: number;
  /** CPUs in the map `kicks`. */
  readonly kickers: Set<number>;
  /** CPUs whose rings were written to with a forced wake-up, in order. */
  readonly kicked: number[];
  /** What happens while the thread sleeps. Its stack is lost then (kernel 6.13: stacks of 64 bytes and more are the CPU's). */
  onSleep: () => void;
  /** Helpers called by the last run, in order. */
  calls: Helper[];
}

export function newWorld(controlWords: number, contextSize = 168): World {
  return {
    context: new Uint8Array(contextSize),
    user: new UserMemory(),
    kernel: new UserMemory(),
    control: new BigUint64Array(controlWords),
    types: new Uint8Array(0),
    dynamic: new Map(),
    records: [],
    room: Number.POSITIVE_INFINITY,
    unread: 0n,
    wakes: 0,
    tgid: 1,
    task: 0n,
    ktime: 1000n,
    cookie: 0n,
    cpu: 0,
    kickers: new Set(),
    kicked: [],
    onSleep: () => {},
    calls: [],
  };
}

const contextBase = 0xffff_8000_0000_0000n;
const stackTop = 0xffff_9000_0000_0200n;
const stackSize = 512;
const controlBase = 0xffff_a000_0000_0000n;
const typesBase = 0xffff_d000_0000_0000n;
const dynamicHandle = 0xffff_e000_0000_0000n;
const elementBase = 0xffff_f000_0000_0000n;
const recordBase = 0xffff_b000_0000_0000n;
const ringHandle = 0xffff_c000_0000_0000n;
const kicksHandle = 0xffff_c100_0000_0000n;
/** Handle of a CPU's ring: this plus the CPU. */
const kickRings = 0xffff_c200_0000_0000n;
const efault = BigInt.asUintN(64, -14n);
const mostSteps = 1_000_000;

/** Runs `program` once; returns r0. Memory that nobody has written is garbage (0xAA), or, on the stack, refused. */
export function run(program: Pick<Program, 'instructions' | 'maps'>, world: World): bigint {
  const loop = looked.has(program) ? undefined : loopWithoutJump(program);
  if (loop !== undefined) throw new BadProgram(`kernel 6.1 takes no loop that is closed without a jump: ${loop}`);
  looked.add(program);
  return new Run(program, world).run();
}

const looked = new WeakSet<object>();

interface Region {
  readonly base: bigint;
  readonly bytes: Uint8Array;
  readonly writable: boolean;
  /** For the stack: which bytes hold something. */
  readonly written?: Uint8Array;
}

class Run {
  readonly #world: World;
  readonly #code = new Map<number, Instruction>();
  readonly #maps: Map<number, { kind: 'fd' | 'value'; map: string; offset: number }>;
  readonly #registers: (bigint | undefined)[] = new Array(11).fill(undefined);
  readonly #regions: Region[];
  #held: { readonly region: Region; done: boolean } | undefined;

  constructor(program: Pick<Program, 'instructions' | 'maps'>, world: World) {
    this.#world = world;
    world.calls = [];
    let at = 0;
    for (const instruction of decode(program.instructions)) {
      this.#code.set(at, instruction);
      at += slots(instruction);
    }
    this.#maps = new Map(program.maps.map((reference) => [reference.instruction, reference]));
    const { control } = world;
    this.#regions = [
      { base: contextBase, bytes: world.context, writable: false },
      {
        base: stackTop - BigInt(stackSize),
        bytes: new Uint8Array(stackSize),
        writable: true,
        written: new Uint8Array(stackSize),
      },
      {
        base: controlBase,
        bytes: new Uint8Array(control.buffer, control.byteOffset, control.byteLength),
        writable: true,
      },
    ];
    this.#regions.push({ base: typesBase, bytes: world.types, writable: false });
    this.#registers[1] = contextBase;
    this.#registers[10] = stackTop;
  }

  run(): bigint {
    let slot = 0;
    for (let step = 0; step < mostSteps; step++) {
      const instruction = this.#code.get(slot);
      if (instruction === undefined) throw new BadProgram(`control left the program at slot ${slot}`);
      const next = slot + slots(instruction);
      const cls = instruction.opcode & 7;
      if (instruction.opcode === loadImmediate64) this.#set(instruction.destination, this.#wide(instruction, slot));
      else if (cls === opcodeClass.alu64 || cls === opcodeClass.alu) this.#alu(instruction, cls === opcodeClass.alu);
      else if (cls === opcodeClass.ldx) this.#load(instruction);
      else if (cls === opcodeClass.st || cls === opcodeClass.stx) this.#store(instruction, cls === opcodeClass.stx);
      else if (cls === opcodeClass.jmp) {
        const operation = instruction.opcode & 0xf0;
        if (operation === exit) {
          if (this.#held !== undefined && !this.#held.done) throw new BadProgram('ends with a record reserved');
          return this.#get(0);
        }
        if (operation === callHelper) this.#call(instruction.immediate);
        else if (this.#taken(instruction)) {
          slot = next + instruction.offset;
          continue;
        }
      } else throw new BadProgram(`opcode 0x${instruction.opcode.toString(16)} at slot ${slot}`);
      slot = next;
    }
    throw new BadProgram('the program does not end');
  }

  #get(register: number): bigint {
    const value = this.#registers[register];
    if (value === undefined) throw new BadProgram(`r${register} is read before it is set`);
    return value;
  }

  #set(register: number, value: bigint): void {
    if (register === 10) throw new BadProgram('r10 is read only');
    this.#registers[register] = BigInt.asUintN(64, value);
  }

  #operand(instruction: Instruction): bigint {
    return (instruction.opcode & registerOperand) !== 0
      ? this.#get(instruction.source)
      : BigInt.asUintN(64, BigInt(instruction.immediate));
  }

  #wide(instruction: Instruction, slot: number): bigint {
    const reference = this.#maps.get(slot);
    if (instruction.source === pseudo.mapFd || instruction.source === pseudo.mapValue) {
      if (reference === undefined) throw new BadProgram(`slot ${slot} names no map`);
      if (reference.kind === 'fd') {
        if (reference.map === 'dynamic') return dynamicHandle;
        return reference.map === 'kicks' ? kicksHandle : ringHandle;
      }
      return (reference.map === 'types' ? typesBase : controlBase) + BigInt(reference.offset);
    }
    return (BigInt(instruction.high ?? 0) << 32n) | BigInt(instruction.immediate >>> 0);
  }

  #alu(instruction: Instruction, narrow: boolean): void {
    const operation = instruction.opcode & 0xf0;
    const bits = narrow ? 32 : 64;
    const right = BigInt.asUintN(bits, this.#operand(instruction));
    const left = operation === arithmetic.mov ? 0n : BigInt.asUintN(bits, this.#get(instruction.destination));
    const shift = right & BigInt(bits - 1);
    const results: Partial<Record<number, bigint>> = {
      [arithmetic.add]: left + right,
      [arithmetic.sub]: left - right,
      [arithmetic.mul]: left * right,
      [arithmetic.or]: left | right,
      [arithmetic.and]: left & right,
      [arithmetic.xor]: left ^ right,
      [arithmetic.lsh]: left << shift,
      [arithmetic.rsh]: left >> shift,
      [arithmetic.arsh]: BigInt.asIntN(bits, left) >> shift,
      [arithmetic.neg]: -left,
      [arithmetic.mov]: right,
    };
    const result = results[operation];
    if (result === undefined) throw new BadProgram(`arithmetic 0x${operation.toString(16)}`);
    this.#set(instruction.destination, BigInt.asUintN(bits, result));
  }

  #taken(instruction: Instruction): boolean {
    const operation = instruction.opcode & 0xf0;
    if (operation === 0) return true;
    // Falls through: its own bound is far beyond ours.
    if (operation === mayGoto) return false;
    const left = this.#get(instruction.destination);
    const right = this.#operand(instruction);
    const [signedLeft, signedRight] = [BigInt.asIntN(64, left), BigInt.asIntN(64, right)];
    switch (operation) {
      case condition.eq:
        return left === right;
      case condition.ne:
        return left !== right;
      case condition.gt:
        return left > right;
      case condition.ge:
        return left >= right;
      case condition.lt:
        return left < right;
      case condition.le:
        return left <= right;
      case condition.set:
        return (left & right) !== 0n;
      case condition.sgt:
        return signedLeft > signedRight;
      case condition.sge:
        return signedLeft >= signedRight;
      case condition.slt:
        return signedLeft < signedRight;
      case condition.sle:
        return signedLeft <= signedRight;
      default:
        throw new BadProgram(`condition 0x${operation.toString(16)}`);
    }
  }

  #load(instruction: Instruction): void {
    const size = accessSize(instruction);
    const view = this.#memory(this.#get(instruction.source) + BigInt(instruction.offset), size, 'read');
    this.#set(instruction.destination, toNumber(view));
  }

  #store(instruction: Instruction, register: boolean): void {
    const size = accessSize(instruction);
    const at = this.#get(instruction.destination) + BigInt(instruction.offset);
    const value = register ? this.#get(instruction.source) : BigInt(instruction.immediate);
    if (register && (instruction.opcode & 0xe0) === mode.atomic) {
      const before = toNumber(this.#memory(at, size, 'read'));
      if (instruction.immediate === compareAndExchange) {
        if (before === this.#get(r0)) fromNumber(this.#memory(at, size, 'write'), value);
        this.#set(r0, before);
        return;
      }
      fromNumber(this.#memory(at, size, 'write'), before + value);
      if ((instruction.immediate & fetch) !== 0) this.#set(instruction.source, before);
    } else {
      fromNumber(this.#memory(at, size, 'write'), value);
    }
  }

  #memory(at: bigint, size: number, use: 'read' | 'write'): Uint8Array {
    for (const region of this.#regions) {
      if (at < region.base || at + BigInt(size) > region.base + BigInt(region.bytes.length)) continue;
      const from = Number(at - region.base);
      if (use === 'write' && !region.writable) break;
      if (region.written !== undefined) {
        if (use === 'write') region.written.fill(1, from, from + size);
        else if (region.written.subarray(from, from + size).includes(0)) {
          throw new BadProgram(`stack byte ${from - stackSize} is read before it is written`);
        }
      }
      if (from % size !== 0 && size <= 8 && (size & (size - 1)) === 0) throw new BadProgram('misaligned access');
      return region.bytes.subarray(from, from + size);
    }
    // A task that the verifier knows may be read directly.
    const task = use === 'read' && at >= this.#world.task ? this.#world.kernel.read(at, size) : undefined;
    if (task !== undefined) return task;
    throw new BadProgram(`${use} of ${size} bytes at 0x${at.toString(16)}`);
  }

  /** Memory that a helper writes: any size, any alignment. */
  #target(at: bigint, size: number): Uint8Array {
    for (const region of this.#regions) {
      if (at < region.base || at + BigInt(size) > region.base + BigInt(region.bytes.length)) continue;
      const from = Number(at - region.base);
      if (!region.writable) break;
      region.written?.fill(1, from, from + size);
      return region.bytes.subarray(from, from + size);
    }
    throw new BadProgram(`a helper would write ${size} bytes at 0x${at.toString(16)}`);
  }

  #call(id: number): void {
    const helper = helperName(id);
    if (helper === undefined) throw new BadProgram(`helper ${id}`);
    this.#world.calls.push(helper);
    const result = this.#helper(helper);
    this.#registers.fill(undefined, 1, 6);
    this.#registers[0] = BigInt.asUintN(64, result);
  }

  #helper(helper: Helper): bigint {
    const world = this.#world;
    switch (helper) {
      case 'get_current_pid_tgid':
        return (BigInt(world.tgid) << 32n) | 99n;
      case 'get_ns_current_pid_tgid': {
        const { namespace } = world;
        const target = this.#target(this.#get(3), Number(this.#get(4)));
        if (target.length !== 8) return efault;
        if (namespace?.device !== this.#get(1) || namespace.inode !== this.#get(2)) {
          target.fill(0);
          return efault;
        }
        new DataView(target.buffer, target.byteOffset).setUint32(4, namespace.tgid, true);
        return 0n;
      }
      case 'ktime_get_ns':
        return world.ktime++;
      case 'get_current_task':
      case 'get_current_task_btf':
        return world.task;
      case 'get_smp_processor_id':
        return BigInt(world.cpu);
      case 'map_lookup_elem': {
        if (this.#get(1) === kicksHandle) {
          const cpu = Number(toNumber(this.#memory(this.#get(2), 4, 'read')));
          return world.kickers.has(cpu) ? kickRings + BigInt(cpu) : 0n;
        }
        if (this.#get(1) !== dynamicHandle) throw new BadProgram('a look-up in no map');
        const key = toNumber(this.#memory(this.#get(2), 8, 'read'));
        const value = world.dynamic.get(key);
        if (value === undefined) return 0n;
        const base = elementBase + key;
        if (!this.#regions.some((region) => region.base === base))
          this.#regions.push({ base, bytes: value, writable: true });
        return base;
      }
      case 'ringbuf_output': {
        if (this.#get(3) !== 0n || this.#get(4) !== forceWakeup) throw new BadProgram('a kick is empty and wakes');
        world.kicked.push(Number(this.#get(1) - kickRings));
        return 0n;
      }
      case 'copy_from_user_task': {
        if (this.#held !== undefined) throw new BadProgram('sleeps with a record reserved');
        if (this.#get(4) !== world.task) throw new BadProgram('memory of another task');
        world.onSleep();
        for (const { written } of this.#regions) written?.fill(0);
        return this.#probeRead(world.user);
      }
      case 'get_attach_cookie':
        if (this.#get(1) !== contextBase) throw new BadProgram('get_attach_cookie without the context');
        return world.cookie;
      case 'probe_read_user':
        return this.#probeRead(world.user);
      case 'probe_read_kernel':
        return this.#probeRead(world.kernel);
      case 'ringbuf_reserve':
        return this.#reserve();
      case 'ringbuf_submit': {
        const held = this.#held;
        if (held === undefined || held.done || this.#get(1) !== held.region.base)
          throw new BadProgram('submit of no record');
        if (this.#get(2) !== noWakeup) throw new BadProgram('submit that may wake');
        held.done = true;
        world.records.push(held.region.bytes);
        return 0n;
      }
      case 'ringbuf_discard': {
        const held = this.#held;
        if (held === undefined || held.done || this.#get(1) !== held.region.base)
          throw new BadProgram('discard of no record');
        held.done = true;
        if (this.#get(2) === forceWakeup) world.wakes++;
        return 0n;
      }
      case 'ringbuf_query':
        return world.unread;
      default:
        throw new BadProgram(`helper ${helper} is not there`);
    }
  }

  #probeRead(memory: UserMemory): bigint {
    const size = Number(this.#get(2));
    const target = this.#target(this.#get(1), size);
    const found = memory.read(this.#get(3), size);
    // The helper clears its target when it fails (kernel/trace/bpf_trace.c).
    if (found === undefined) target.fill(0);
    else target.set(found);
    return found === undefined ? efault : 0n;
  }

  #reserve(): bigint {
    if (this.#get(1) !== ringHandle || this.#get(3) !== 0n) throw new BadProgram('reserve of no ring');
    if (this.#held?.done === false) throw new BadProgram('a second reserve');
    if (this.#world.room <= 0) return 0n;
    this.#world.room--;
    const region = { base: recordBase, bytes: new Uint8Array(Number(this.#get(2))).fill(0xaa), writable: true };
    this.#held = { region, done: false };
    this.#regions.push(region);
    return recordBase;
  }
}

function accessSize(instruction: Instruction): AccessSize {
  return ([4, 2, 1, 8] as const)[(instruction.opcode >> 3) & 3]!;
}

function toNumber(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i]!);
  return value;
}

function fromNumber(bytes: Uint8Array, value: bigint): void {
  let rest = BigInt.asUintN(64, value);
  for (let i = 0; i < bytes.length; i++) {
    bytes[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
}
