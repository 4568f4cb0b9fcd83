import { newestKnown } from './runtime.ts';
import { structOf, type TypeMaker } from './runtime-structs.ts';
import type { GoType, TypeRef } from './types.ts';

const trie = 'internal/sync.HashTrieMap[interface {},interface {}]';
const indirect = 'internal/sync.indirect[interface {},interface {}]';
const node = 'internal/sync.node[interface {},interface {}]';

/** Fields of structs of the standard library that programs have in their own, by the first minor version of Go 1 that has them so (Go's source, and its debug info by a test). */
const structs: Readonly<Record<string, readonly (readonly [since: number, fields: string])[]>> = {
  'sync.noCopy': [[17, '']],
  'sync.Mutex': [
    [17, 'state int32; sema uint32'],
    [24, '_ sync.noCopy; mu internal/sync.Mutex'],
  ],
  'internal/sync.Mutex': [[24, 'state int32; sema uint32']],
  'sync.RWMutex': [
    [17, 'w sync.Mutex; writerSem uint32; readerSem uint32; readerCount int32; readerWait int32'],
    [
      20,
      'w sync.Mutex; writerSem uint32; readerSem uint32; readerCount sync/atomic.Int32; readerWait sync/atomic.Int32',
    ],
  ],
  'sync.WaitGroup': [
    [17, 'noCopy sync.noCopy; state1 [3]uint32'],
    [18, 'noCopy sync.noCopy; state1 uint64; state2 uint32'],
    [20, 'noCopy sync.noCopy; state sync/atomic.Uint64; sema uint32'],
  ],
  'sync.Once': [
    [17, 'done uint32; m sync.Mutex'],
    [22, 'done sync/atomic.Uint32; m sync.Mutex'],
    [24, '_ sync.noCopy; done sync/atomic.Uint32; m sync.Mutex'],
    [25, '_ sync.noCopy; done sync/atomic.Bool; m sync.Mutex'],
  ],
  'sync.Map': [
    [17, 'mu sync.Mutex; read sync/atomic.Value; dirty map[interface {}]*sync.entry; misses int'],
    [20, 'mu sync.Mutex; read sync/atomic.Pointer[sync.readOnly]; dirty map[interface {}]*sync.entry; misses int'],
    [24, `_ sync.noCopy; m ${trie}`],
  ],
  'sync.entry': [
    [17, 'p unsafe.Pointer'],
    [20, 'p sync/atomic.Pointer[interface {}]'],
  ],
  'sync.readOnly': [[17, 'm map[interface {}]*sync.entry; amended bool']],
  [trie]: [
    [
      24,
      `inited sync/atomic.Uint32; initMu internal/sync.Mutex; root sync/atomic.Pointer[${indirect}]; keyHash func; valEqual func; seed uintptr`,
    ],
  ],
  [indirect]: [
    [
      24,
      `node ${node}; dead sync/atomic.Bool; mu internal/sync.Mutex; parent *${indirect}; children [16]sync/atomic.Pointer[${node}]`,
    ],
  ],
  [node]: [[24, 'isEntry bool']],
  'sync/atomic.noCopy': [[19, '']],
  'sync/atomic.align64': [[19, '']],
  'sync/atomic.Bool': [[19, '_ sync/atomic.noCopy; v uint32']],
  'sync/atomic.Int32': [[19, '_ sync/atomic.noCopy; v int32']],
  'sync/atomic.Uint32': [[19, '_ sync/atomic.noCopy; v uint32']],
  'sync/atomic.Int64': [[19, '_ sync/atomic.noCopy; _ sync/atomic.align64; v int64']],
  'sync/atomic.Uint64': [[19, '_ sync/atomic.noCopy; _ sync/atomic.align64; v uint64']],
  'sync/atomic.Value': [[17, 'v interface {}']],
  'time.Time': [[17, 'wall uint64; ext int64; loc *time.Location']],
  'time.Location': [
    [
      17,
      'name string; zone []time.zone; tx []time.zoneTrans; extend string; cacheStart int64; cacheEnd int64; cacheZone *time.zone',
    ],
  ],
  'time.zone': [[17, 'name string; offset int; isDST bool']],
  'time.zoneTrans': [[17, 'when int64; index uint8; isstd bool; isutc bool']],
  'bytes.Buffer': [[17, 'buf []uint8; off int; lastRead int8']],
  'strings.Builder': [[17, 'addr *strings.Builder; buf []uint8']],
};

const numbers: Readonly<Record<string, readonly ['bool' | 'int' | 'uint', size: number]>> = {
  bool: ['bool', 1],
  int: ['int', 8],
  int8: ['int', 1],
  int32: ['int', 4],
  int64: ['int', 8],
  uint8: ['uint', 1],
  uint32: ['uint', 4],
  uint64: ['uint', 8],
  uintptr: ['uint', 8],
  'time.Duration': ['int', 8],
  'time.Month': ['int', 8],
  'time.Weekday': ['int', 8],
  'io/fs.FileMode': ['uint', 4],
};

/** An interface with methods stays one, whatever its methods are. */
const interfaces: ReadonlySet<string> = new Set([
  ...['context.Context', 'fmt.Stringer', 'sort.Interface', 'sync.Locker', 'hash.Hash', 'io/fs.FileInfo', 'io/fs.FS'],
  ...['io.Reader', 'io.Writer', 'io.Closer', 'io.ReadCloser', 'io.ReadWriter', 'io.WriteCloser', 'io.ReadWriteCloser'],
  ...['net.Conn', 'net.Addr', 'net.Listener', 'net.Error', 'net/http.ResponseWriter', 'net/http.Handler'],
]);

/** Types of the standard library of which a program has no descriptor, because it never puts them near an interface. */
export class StandardTypes {
  readonly #maker: TypeMaker;
  readonly #minor: number | undefined;
  /** Of a descriptor. */
  readonly #described: (name: string) => TypeRef | undefined;
  readonly #made = new Map<string, TypeRef>();

  constructor(maker: TypeMaker, minor: number | undefined, described: (name: string) => TypeRef | undefined) {
    this.#maker = maker;
    this.#minor = minor !== undefined && minor <= newestKnown ? minor : undefined;
    this.#described = described;
  }

  /** Every name, with the package's path; `sync/atomic.Pointer` of a type that is known besides. */
  static readonly names: readonly string[] = [
    ...Object.keys(structs),
    ...Object.keys(numbers).filter((name) => name.includes('.')),
    ...interfaces,
    'context.CancelFunc',
  ];

  /** By a name with its package's path or the last part of it. */
  named(name: string): TypeRef | undefined {
    const whole = StandardTypes.names.find((each) => each === name || each.endsWith(`/${name}`));
    if (whole !== undefined) return this.#named(whole);
    return /^(?:sync\/)?atomic\.Pointer\[/.test(name) ? this.#named(name.replace(/^atomic/, 'sync/atomic')) : undefined;
  }

  #named(name: string): TypeRef | undefined {
    const known = this.#described(name) ?? this.#made.get(name);
    if (known !== undefined) return known;
    const type = this.#type(name);
    const made = type && (typeof type === 'function' ? this.#maker.later(type) : this.#maker.make(type));
    if (made !== undefined) this.#made.set(name, made);
    return made;
  }

  #type(name: string): GoType | (() => GoType) | undefined {
    const number = numbers[name];
    if (number !== undefined) return { kind: number[0], name, size: number[1] };
    if (interfaces.has(name)) return { kind: 'interface', name, size: 16, empty: false };
    if (name === 'context.CancelFunc') return { kind: 'func', name, size: 8 };
    const minor = this.#minor;
    if (minor === undefined) return undefined;
    const target = /^sync\/atomic\.Pointer\[(.*)\]$/.exec(name)?.[1];
    if (target !== undefined && (minor < 19 || this.#written(target) === undefined)) return undefined;
    const fields =
      target === undefined
        ? structs[name]?.findLast(([since]) => since <= minor)?.[1]
        : `_ [0]*${target}; _ sync/atomic.noCopy; v unsafe.Pointer`;
    if (fields === undefined) return undefined;
    const members = fields === '' ? [] : fields.split('; ').map((field) => /^(\S+) (.*)$/.exec(field)!.slice(1, 3));
    return () =>
      structOf(
        name,
        members.map(([field, type]) => [field!, this.#written(type!)!]),
        this.#maker,
      );
  }

  /** As `structs` has it. */
  #written(text: string): TypeRef | undefined {
    const maker = this.#maker;
    const [, array, count, element] = /^(\[(\d*)\])(.*)$/.exec(text) ?? [];
    if (text === 'interface {}') return maker.make({ kind: 'interface', name: text, size: 16, empty: true });
    if (text === 'string') return maker.make({ kind: 'string', name: text, size: 16 });
    if (text === 'func') return maker.make({ kind: 'func', name: text, size: 8 });
    if (text === 'unsafe.Pointer') return maker.make({ kind: 'pointer', name: text, size: 8, elem: undefined });
    const map = /^map\[interface \{\}\](.*)$/.exec(text)?.[1];
    if (map !== undefined) {
      const [key, elem] = [this.#written('interface {}'), this.#written(map)];
      return key && elem && maker.make({ kind: 'map', name: text, size: 8, header: undefined, key, elem });
    }
    const part = text.startsWith('*') ? text.slice(1) : array === undefined ? undefined : element!;
    if (part === undefined) return this.#named(text);
    const elem = this.#written(part);
    if (elem === undefined) return undefined;
    if (array === undefined) return maker.make({ kind: 'pointer', name: text, size: 8, elem });
    if (count === '') return maker.make({ kind: 'slice', name: text, size: 24, elem });
    return maker.later(() => {
      const size = Number(count) * maker.type(elem).size;
      return { kind: 'array', name: text, size, elem, count: Number(count) };
    });
  }
}
