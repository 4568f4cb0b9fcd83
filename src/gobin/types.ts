import type { Address, FileOffset } from '#base';
import type { Scope } from '#dwarf';
import type { LineLookup } from './lines.ts';

/** Offset of a type DIE in .debug_info: the handle by which types refer to each other (type graphs have cycles). */
export type TypeRef = number & { readonly __typeRef?: never };

/** A Go type as debug info tells it. `name` is the source name (`time.Duration`, `main.Point`, `*main.Node`); sizes in bytes. */
export type GoType = { readonly name: string; readonly size: number } & (
  | { readonly kind: 'bool' }
  | { readonly kind: 'int' | 'uint' }
  | { readonly kind: 'float' | 'complex' }
  | { readonly kind: 'string' }
  /** `elem` undefined: unsafe.Pointer. */
  | { readonly kind: 'pointer'; readonly elem: TypeRef | undefined }
  | { readonly kind: 'slice'; readonly elem: TypeRef }
  | { readonly kind: 'array'; readonly elem: TypeRef; readonly count: number }
  | { readonly kind: 'struct'; readonly fields: readonly GoField[] }
  /** `empty`: eface (`any`), two words type and data; else iface, itab and data. */
  | { readonly kind: 'interface'; readonly empty: boolean }
  /** `header`: the struct of the runtime that a map or channel points to, with its parts typed (debug info has one for each type). */
  | { readonly kind: 'map'; readonly header: TypeRef | undefined; readonly key: TypeRef; readonly elem: TypeRef }
  | { readonly kind: 'chan'; readonly header: TypeRef | undefined; readonly elem: TypeRef }
  | { readonly kind: 'func' }
  /** What this reader does not know, and why; `size` still holds. */
  | { readonly kind: 'unknown'; readonly why?: string }
);

/** A type that values in interfaces may have: where its descriptor (`internal/abi.Type`) lies in the file, and its debug info. */
export interface DynamicType {
  readonly address: Address;
  readonly type: TypeRef;
  /** An interface has a value of it in its data word itself; of others that word points to it. */
  readonly direct: boolean;
  /** The linker knows of values of it as errors. */
  readonly isError?: true;
}

/** A function that captures variables: where its code begins, and the variables as fields of what a value of it points to. */
export interface Closure {
  readonly code: Address;
  readonly name: string;
  readonly captured: readonly CapturedVariable[];
  /** Where in what the func points to the dictionary of a generic function lies, if debug info tells it (Go 1.27). */
  readonly dictionary?: number;
}

/** Where in what the func points to it lies, and its type: an interface with methods, of which no more than its name is known, or one that is not known, which nothing else is then. */
export type CapturedVariable = {
  readonly name: string;
  readonly offset: number;
} /** `byReference`: of the pointer to it that the func has captured. */ & (
  | { readonly type: TypeRef; readonly byReference?: true }
  | { readonly interface: string }
  | { readonly unknown: string }
);

export interface GoField {
  readonly name: string;
  readonly offset: number;
  readonly type: TypeRef;
  readonly embedded: boolean;
}

/** A machine word's worth of a value at the function's entry (arguments) or at its `ret` (results). */
export type Place =
  /** Integer register, by DWARF number, holding `size` bytes of the value from its byte `offset` on; upper bits undefined. */
  | { readonly kind: 'register'; readonly register: number; readonly offset: number; readonly size: number }
  | { readonly kind: 'float-register'; readonly register: number; readonly offset: number; readonly size: number }
  /** On the stack: the whole rest of the value, at `frameOffset` bytes above the address of the return address. */
  | { readonly kind: 'stack'; readonly frameOffset: number; readonly offset: number; readonly size: number };

/** A parameter (receiver first) or a result. */
export interface GoVariable {
  /** Source name; `#0`, `#1`, … (index among the parameters) for blank or unnamed ones, `$0`, `$1`, … for unnamed results. */
  readonly name: string;
  readonly type: TypeRef;
  /** Empty for a value of size 0. */
  readonly places: readonly Place[];
  /** What lies there is a pointer to it. */
  readonly byReference?: true;
  /** Set when the places cannot be trusted: why (shown as the reason of "not captured"); then `places` is empty. */
  readonly unknown?: string;
}

export interface GoSignature {
  readonly parameters: readonly GoVariable[];
  readonly results: readonly GoVariable[];
  /** Of a function that is compiled once for all type arguments of a shape: where the pointer to its dictionary is at the entry. */
  readonly dictionary?: readonly Place[];
  /** Why there are none, where debug info is missing: shown to the user. */
  readonly unknown?: string;
  /** Why there are no parameters although the function has some, all without a name (Go before 1.22). */
  readonly parametersUnknown?: string;
  /** Why there are no results, where only these are not known (Go 1.17). */
  readonly resultsUnknown?: string;
  /** Of a closure: what it has captured, looked for where expressions are to be typed. */
  readonly captured?: CapturedAtEntry | undefined;
}

/** `context`: the pointer to what the func points to, at the entry; the variables lie there at their offsets. */
export interface CapturedAtEntry {
  readonly context: GoVariable;
  readonly variables: readonly CapturedVariable[];
}

/**
 * The pointer to a dictionary at the entry: in an integer register; or at `offset` of what that register points to, which is what a closure has captured, or,
 * where no register was left for it, the stack.
 */
export interface DictionaryPlace {
  readonly register: number;
  readonly offset?: number;
}

/** What a call of a shape function is, by the dictionary that it is called with. */
export interface Instantiation {
  readonly place: DictionaryPlace;
  /** In the file. */
  readonly dictionary: Address;
  /** `int,*main.Node`, as in the source, packages by their path. */
  readonly typeArguments: string;
  /** With the real types, where debug info has them. */
  readonly signature: GoSignature;
}

export interface GoFunction {
  /** As the linker has it: `main.computeE`, `main.(*T).Get`, `main.Map[go.shape.int]`. */
  readonly name: string;
  readonly entry: Address;
  /** First address behind its code. */
  readonly end: Address;
  /** Assembly (ABI0): arguments on the stack, `g` register not guaranteed. */
  readonly assembly: boolean;
}

/** A copy of a function in the code of another one. */
export interface InlinedCopy {
  /** The function that has it. */
  readonly into: GoFunction;
  /** Where its instructions lie: in several pieces, often. */
  readonly ranges: readonly { readonly start: number; readonly end: number }[];
  /** As in `InlinedCall`. */
  readonly mark?: Address;
  /**
   * Its parameters where they are at one of its instructions; undefined where the frame's size there is not known. They are what the caller gave as long as the
   * body has not assigned to them.
   */
  at(pc: Address, isTrusted?: Trust): PlaceVariables | undefined;
}

/** Why what the list of a variable says in the first of these stretches is not to be trusted; undefined: it is. `all`: all that the list has. */
export type Trust = (here: Stretch, all: readonly Stretch[]) => string | undefined;

/** Which of the stretches of a variable's list goes on where the list has nothing: the compiler forgets a variable where a piece of code begins, also one that the code goes on to use. */
export type Continued = (all: readonly Stretch[]) => Stretch | undefined;

/** start ≤ pc < end, where a list has a variable in these places, its parts one after the other; undefined: not in a place that can be followed. */
export interface Stretch {
  readonly start: number;
  readonly end: number;
  readonly places: readonly (Location | undefined)[];
}

/** A place of a line of the source, in one function. */
export interface LineSpot {
  /** The function whose code it is in. */
  readonly into: GoFunction;
  readonly start: number;
  readonly end: number;
  /** Addresses of it at which the compiler says that a statement begins. */
  readonly statements: readonly number[];
  /** What can be named at one of its instructions, and the function that it is written in. */
  at(
    pc: Address,
    isTrusted?: Trust,
    continued?: Continued,
  ): (PlaceVariables & Pick<Scope, 'function' | 'inlined' | 'instance'>) | undefined;
}

/** What a line of the source is in the binary. */
export type LineSpots =
  | Exclude<LineLookup, { kind: 'found' }>
  | (Omit<Extract<LineLookup, { kind: 'found' }>, 'runs'> & { readonly spots: readonly LineSpot[] });

/** What is known at one instruction in the middle of a function. */
export interface PlaceVariables {
  /** Places on the stack count from the stack pointer there. */
  readonly variables: readonly GoVariable[];
  /** Bytes between the stack pointer and the return address. */
  readonly frameBytes: number;
}

/** The functions that a pattern stands for, by address. */
export interface FunctionSet {
  readonly functions: readonly GoFunction[];
  /** Names of those that have no code of their own: the compiler inlined them everywhere. */
  readonly inlined: readonly string[];
  /** Closures that are copies of it or of another one on its line: which, is not told. */
  readonly unsure?: readonly string[];
}

export interface SourceLine {
  readonly file: string;
  readonly line: number;
}

export type FunctionLookup =
  | {
      readonly kind: 'found';
      readonly function: GoFunction /** Inlined copies that a probe on it does not see. */;
      readonly inlinedCopies: number;
    }
  /** `more`: how many candidates are not listed. */
  | { readonly kind: 'ambiguous'; readonly candidates: readonly string[]; readonly more: number }
  /** Has no code of its own: `copies` inlined ones. */
  | { readonly kind: 'inlined'; readonly copies: number }
  | { readonly kind: 'missing'; readonly nearest: readonly string[] };

/** What the kernel or a probe does with one instruction. */
export type InstructionClass = 'emulated' | 'stepped' | 'refused';

/** Decoded code of one function: parallel arrays, one entry an instruction, in address order. */
export interface DecodedCode {
  readonly entry: Address;
  readonly bytes: Uint8Array;
  readonly count: number;
  /** Byte offset of instruction i from `entry`; [count] is the end of what was decoded. */
  readonly offsets: Uint32Array;
  /** A `Flow` a piece. */
  readonly flow: Uint8Array;
  /** Offset from `entry` of a direct branch's target (may lie outside), NaN where there is none. */
  readonly targets: Float64Array;
  /** Instruction whose bytes could not be decoded: nothing from here on is known. -1: all decoded. */
  readonly invalidAt: number;
  readonly prefix: PrefixEffects;
  /** Those of the first `most` at least, where the prefix has so many: less to be decoded than all of it. */
  effects(most: number): PrefixEffects;
  /** What instruction i is for; decoded when asked. */
  role(index: number): InstructionRole;
}

/** What an instruction is for, as far as it tells whether it stays where the source has it. */
export interface InstructionRole {
  /**
   * - `nop`: of whatever length
   * - `move`: brings a value or a constant to a register or a place on the stack: the register allocator puts these anywhere
   * - `effect`: writes memory that is not known to be the stack, or is there to fault: stays where the source has it
   * - `select`: a conditional move
   */
  readonly kind: 'nop' | 'move' | 'effect' | 'select' | 'other';
  readonly setsFlags: boolean;
  /** It reads or writes memory by a pointer that may be nil. */
  readonly mayFault: boolean;
  /** The registers whose pointers it follows in any case: it runs to its end only where none of them is nil. */
  readonly follows: readonly Location[];
  /** Where it writes and reads, as far as that is in registers or at a known distance from the stack pointer; of calls what they themselves do. */
  readonly writes: readonly Location[];
  readonly reads: readonly Location[];
  /** It does no more than bring what is in one place to another, which `writes` has. */
  readonly from?: Location;
}

/** A register by its DWARF number, or `stackLocation` and the distance in bytes from the stack pointer. */
export type Location = number;

export const stackLocation = 128;

/** What the first instructions change: tells up to where the registers and the memory of the entry are still in place. */
export interface PrefixEffects {
  /** How many instructions are described: those up to the first unconditional break in the flow, inclusive, but not more than a bound. */
  readonly count: number;
  /** A piece an instruction; bit n: it may write integer register n (DWARF number; 31 is arm64's SP). */
  readonly registers: Uint32Array;
  /** Bit n: it may write float register n (XMMn, Vn). */
  readonly floats: Uint32Array;
  /** 1: it may write memory (a `push` and the return address of a `call` count). */
  readonly memory: Uint8Array;
}

export const flow = {
  next: 0,
  jump: 1,
  conditional: 2,
  call: 3,
  return: 4,
  indirectJump: 5,
  indirectCall: 6,
  /** int3, ud2, hlt, syscall …: control does not simply go on. */
  other: 7,
} as const;

/** Decodes one function's code. Handed in (x86: iced-x86; arm64: bit masks in this part). */
export type DecodeCode = (bytes: Uint8Array, entry: Address) => DecodedCode;

/** Field offsets in the runtime's own structs, bytes. Undefined: not known for this binary; what needs it is not captured. */
export interface RuntimeOffsets {
  readonly gGoid?: number;
  readonly gM?: number;
  readonly mCurg?: number;
  /** Go ≥ 1.22: `g._panic` and `_panic.sp`; older: `g.sigcode0` holds the sp at `runtime.recovery`. */
  readonly gPanic?: number;
  readonly panicSp?: number;
  readonly gSigcode0?: number;
  /** Up to Go 1.21: `g._defer`, and of `_defer` its frame, whether it runs, and the next one. */
  readonly gDefer?: number;
  readonly deferSp?: number;
  readonly deferStarted?: number;
  readonly deferLink?: number;
  /** `g.parentGoid` (Go ≥ 1.21) and `g.gopc`. */
  readonly gParentGoid?: number;
  readonly gGopc?: number;
  /** `g.sched` (its first words are sp and pc), `g.atomicstatus`, `g.syscallsp`, `g.syscallpc`. */
  readonly gSched?: number;
  readonly gStatus?: number;
  readonly gSyscallSp?: number;
  readonly gSyscallPc?: number;
  /** `g.labels` */
  readonly gLabels?: number;
  /** Offset of `g` from the thread's FS base, where the binary tells. */
  readonly tlsG?: number;
}

/** Where a file-backed range of the binary is mapped from. */
export interface CodeRange {
  readonly address: Address;
  readonly offset: FileOffset;
  readonly size: number;
}
