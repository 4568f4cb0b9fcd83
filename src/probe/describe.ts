import { disassemble } from '#asm';
import { formatDuration } from '#base';
import { type EventLayout, eventKinds, formatUpid, mostReferences, type ProcessTracepoint, type Slot } from '#model';
import type { CompilableBinary } from './binary.ts';
import type { Compilation } from './compile.ts';
import { computationText, conjuncts } from './computation/index.ts';
import { machine } from './emit/index.ts';
import type { TypeTable } from './graph/index.ts';
import { type EventPlan, sourceText, valueText } from './plan/index.ts';
import type { ResolvedProbe } from './resolve/index.ts';
import type { ConditionShape, ProbeSites, ProgramSites, Site, ValueShape } from './types.ts';

/** One stage of a compilation as text, for `px debug compile`. */
export interface Stage {
  readonly name: 'logical' | 'resolved' | 'sites' | 'types' | 'plan' | 'relation' | 'programs';
  readonly text: string;
}

/** Every stage of a compilation, in the order in which they happen. */
export function describeCompilation(
  logical: ProcessTracepoint,
  compilation: Compilation,
  binary: Pick<CompilableBinary, 'architecture' | 'type'>,
): Stage[] {
  const registerName = (register: number) => machine(binary.architecture).registerName(register);
  const { maps, relation } = compilation;
  return [
    { name: 'logical', text: describeLogical(logical) },
    {
      name: 'resolved',
      text: [...compilation.resolved.map((probe) => describeResolved(probe, binary)), ...compilation.warnings].join(
        '\n',
      ),
    },
    { name: 'sites', text: compilation.sites.map(describeSites).join('\n') },
    ...(compilation.types === undefined ? [] : [{ name: 'types' as const, text: describeTypes(compilation.types) }]),
    {
      name: 'plan',
      text: compilation.planned
        .flatMap(({ plan, entry, return: exit }) => [
          `${plan.function}${plan.rowAtEntry ? ', a row at the entry' : ''}`,
          ...(entry === undefined ? [] : [describeLayout('entry', entry, registerName)]),
          ...(exit === undefined ? [] : [describeLayout('return', exit, registerName)]),
          ...[entry, exit].flatMap((event) =>
            event?.condition === undefined
              ? []
              : conjuncts(event.condition).map(
                  (part) =>
                    `  when ${computationText(part, (leaf) => `[${sourceText(leaf, registerName)}]`)}: decided in the kernel`,
                ),
          ),
          ...(plan.condition === undefined
            ? []
            : conjuncts(plan.condition).map(
                (part) => `  when ${computationText(part, conditionText)}: decided on the captured values`,
              )),
          ...plan.columns.map(({ column, source }) =>
            source.kind === 'entry' || source.kind === 'return'
              ? `  column ${column.name} = ${source.kind} ${shapeText(source.shape)}`
              : `  column ${column.name} = ${source.kind}`,
          ),
        ])
        .join('\n'),
    },
    {
      name: 'relation',
      text: relation.columns
        .map(
          (column) =>
            `${column.name} ${column.unsigned === true ? 'unsigned ' : ''}${column.type}${column.semantic === 'ST_NONE' ? '' : ` ${column.semantic}`}`,
        )
        .join('\n'),
    },
    {
      name: 'programs',
      text: [
        `map ring: ${maps.ring.maxEntries} bytes; map control: ${maps.control.valueSize} bytes`,
        ...compilation.compiled.programs.map(describeProgram),
      ].join('\n'),
    },
  ];
}

function describeLogical(logical: ProcessTracepoint): string {
  const { target } = logical;
  return [
    `tracepoint ${logical.name}, table ${logical.table}, target ${formatUpid(target.upid)}, ttl ${formatDuration(logical.ttlNs)}`,
    ...logical.probes.flatMap((probe) => [
      `probe ${probe.function}${probe.when === undefined ? '' : ` when ${probe.when.text}`}`,
      ...probe.columns.map(
        ({ name, capture }) =>
          `  ${name} = ${capture.kind}${'text' in capture ? ` ${JSON.stringify(capture.text)}` : ''}`,
      ),
    ]),
  ].join('\n');
}

function describeResolved(probe: ResolvedProbe, binary: Pick<CompilableBinary, 'type'>): string {
  const { function: fn, signature } = probe;
  const list = (variables: typeof signature.parameters) =>
    variables.map((variable) => `${variable.name} ${binary.type(variable.type).name}`).join(', ');
  const parameters = signature.unknown ?? list(signature.parameters);
  return [
    `${fn.name}${instance(probe)}(${parameters}) (${list(signature.results)}) at 0x${fn.entry.toString(16)}, ${fn.end - fn.entry} bytes`,
    ...probe.columns.map((each) => {
      const value = each.from === 'entry' || each.from === 'return' ? ` ${valueText(each.value)}` : '';
      return `  ${each.column.name} ${each.column.type} = ${each.from}${value}`;
    }),
  ].join('\n');
}

/** Of which calls it is, where these are told apart by their dictionaries. */
function instance({ names, dictionary }: ResolvedProbe): string {
  if (dictionary === undefined) return '';
  return dictionary.is === undefined
    ? ' with any other dictionary'
    : ` of [${names.typeArguments}], dictionary 0x${dictionary.is.toString(16)}`;
}

/** The sites of one probe, one a line: for `px debug sites` too. */
export function describeSites(sites: ProbeSites): string {
  return [
    sites.function.name,
    ...(sites.entry === undefined ? [] : [siteText(sites.entry)]),
    ...sites.returns.map(siteText),
    ...sites.warnings.map((warning) => `  warning: ${warning}`),
  ].join('\n');
}

function siteText(site: Site): string {
  const bytes = [...site.bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  const test =
    site.notTaken === undefined ? '' : `, when not taken (flags & 0x${site.notTaken.flagsMask.toString(16)})`;
  return `  ${site.role} 0x${site.address.toString(16)} file +0x${site.offset.toString(16)} [${bytes}] ${site.text} (${site.class}${test})`;
}

function describeLayout(name: string, event: EventPlan, registerName: (register: number) => string): string {
  const slots = event.layout.slots.map(
    (slot, index) => `    slot ${index}: ${slotText(slot)} = ${sourceText(event.sources[index]!, registerName)}`,
  );
  return [`  ${name} record, ${sizeText(event.layout)}`, ...slots].join('\n');
}

function sizeText(layout: EventLayout): string {
  const { walk } = layout;
  if (walk === undefined) return `${layout.size} bytes`;
  return `${layout.size} bytes, snapshot of up to ${walk.lastChunk} bytes from ${walk.area} on, ${walk.steps} steps`;
}

/** Most types that are listed: those of interfaces' values come last. */
const mostTypes = 60;

/** The limits, and the table of types that the walk goes by. */
function describeTypes({ graph, bytes, dynamic }: TypeTable): string {
  const { depth, elements, stringBytes, eventBytes } = graph.limits;
  const listed = graph.types.slice(0, mostTypes).map((type, i) => {
    const hidden = type.redacted === true ? ', redacted' : '';
    return `type ${i} at ${graph.entries[i]}: ${type.name.slice(0, 80)}, ${type.kind}, ${type.size} bytes${hidden}`;
  });
  return [
    `limits: depth ${depth}, elements ${elements}, string bytes ${stringBytes}, event bytes ${eventBytes}, references ${mostReferences(graph.limits)}`,
    `table of ${graph.types.length} types, ${bytes.length} bytes; ${dynamic.length} types that interfaces may hold`,
    ...listed,
    ...(graph.types.length > mostTypes ? [`and ${graph.types.length - mostTypes} more`] : []),
  ].join('\n');
}

function slotText(slot: Slot): string {
  const room = slot.kind === 'string' ? ` up to ${slot.maxBytes} bytes` : '';
  return `${slot.kind}${room} at ${slot.offset}, status at ${slot.status}`;
}

function shapeText(shape: ValueShape): string {
  switch (shape.kind) {
    case 'slot':
      return `slot ${shape.slot}`;
    case 'graph':
      return [`slot ${shape.slot}`, ...shape.holes.map((hole) => `without +${hole.offset}: ${hole.reason}`)].join(', ');
    case 'frames':
      return `slot ${shape.slot} as function file:line`;
    case 'missing':
      return `not captured: ${shape.reason}`;
    case 'computed':
      return `computed when captured: ${computationText(shape.computation, (leaf) => `[${shapeText(leaf)}]`)}`;
    case 'part':
      return `${shape.steps.map((step) => step.kind).join(', ')}, looked up when captured, in ${shapeText(shape.whole)}`;
    case 'object':
      return `{${shape.fields.map((field) => `${field.name}: ${shapeText(field.value)}`).join(', ')}}`;
  }
}

function describeProgram({ program, kind, sites, sleepable }: ProgramSites): string {
  const name = Object.entries(eventKinds).find(([, value]) => value === kind)?.[0] ?? '?';
  return `program ${program.name} (${name}), ${program.instructions.length / 8} slots, ${sites.length} sites${sleepable === undefined ? '' : `, sleepable for ${sleepable}`}\n${disassemble(program)}`;
}

function conditionText(leaf: ConditionShape): string {
  return 'shape' in leaf ? `[${leaf.from} ${shapeText(leaf.shape)}]` : `$${leaf.from}`;
}
