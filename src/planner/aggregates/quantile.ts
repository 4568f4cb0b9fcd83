import { apply, constant, type Scalar } from '../plan.ts';
import { type Aggregate, type Aggregates, isNumber, type Partials, type Split, text } from './definition.ts';
import { halvesText } from './states.ts';

/** The share of values below, of the aggregates that are a quantile. */
const shares = { median: 0.5, p50: 0.5, p75: 0.75, p90: 0.9, p95: 0.95, p99: 0.99, p999: 0.999 } as const;
/** Undefined: the aggregate is no quantile. */
export function shareOf(name: string): number | undefined {
  return Object.hasOwn(shares, name) ? shares[name as keyof typeof shares] : undefined;
}

const percentiles = ['01', '10', '25', '50', '75', '90', '99'];

/**
 * Of so many values each stands for its own share, as in Pixie; of more the difference is that between two neighbours. They are held beside what the
 * engine holds for quantiles, at a cost that grows with their number.
 */
const fewValues = 64;

/** A node sends so many values as they are. */
const fewAtNode = 256;

/**
 * Buckets between two powers of two, all of one width (log-linear): a value is told by the middle of its bucket, which is wrong by at most
 * half a width, 1/256 of the value.
 */
const bucketsPerDoubling = 128;

const asDouble = (value: string) => `CAST(${value} AS DOUBLE)`;

/** A line between two values that lie `place` from the first one; equal ones may be infinite. */
function between(below: string, above: string, place: string): string {
  return `${below} + CASE WHEN ${above} > ${below} THEN (${above} - ${below}) * (${place} - floor(${place})) ELSE 0 END`;
}

/** Where in the sorted values a quantile lies, as Pixie's t-digest has it for few values: the i-th of n in the middle of its share, at (i + 1/2) / n. */
const placeOfFew = (share: string, count: string) =>
  `greatest(0, least(CAST(${share} AS DOUBLE) * ${count} - 0.5, ${count} - 1))`;

/** Of many values `ofMany`, which is exact where Pixie's is an estimate. */
function quantileText(value: string, share: string, ofMany: string): string {
  const count = `count(${value})`;
  const sorted = `min(${value}, ${fewValues})`;
  const place = placeOfFew(share, count);
  const at = (round: string) => `${sorted}[CAST(${round}(${place}) AS BIGINT) + 1]`;
  return `CASE WHEN ${count} > ${fewValues} THEN ${ofMany} ELSE ${between(at('floor'), at('ceil'), place)} END`;
}

/** Where many values are, their buckets with counts; where few are, the values themselves. */
const split = (finish: Extract<Split, { kind: 'parts' }>['finish'] & {}): Split => ({
  kind: 'parts',
  parts: () => [{ partial: 'quantile_state', type: text, merge: 'gathered' }],
  finish,
  within: `of more than ${fewAtNode} values at a node, within 1 %`,
});

function quantile(share: number): Aggregate {
  return {
    type: (argument) => (isNumber(argument) ? { type: 'FLOAT64', semantic: argument.semantic } : undefined),
    text: (value, { shares: all = [share] }) => {
      const many = `quantile_cont(${value}, [${all.join(', ')}])[${all.indexOf(share) + 1}]`;
      return quantileText(asDouble(value), `${share}`, `CAST(${many} AS DOUBLE)`);
    },
    split: split(([states], result) => apply('quantileOfStates', result, states!, constant('FLOAT64', share))),
  };
}

/** The text of a JSON object with p01 … p99; `text` gives the SQL of one. */
function jsonText(quantileOf: (share: string, index: number) => string): string {
  const fields = percentiles.map((each, i) => {
    const value = quantileOf(`0.${each}`, i);
    return `'"p${each}":' || CASE WHEN isfinite(${value}) THEN CAST(${value} AS VARCHAR) ELSE 'null' END`;
  });
  return `'{' || ${fields.join(` || ',' || `)} || '}'`;
}

const semanticOfAll = ({ semantic }: Scalar) =>
  semantic === 'ST_DURATION_NS' ? 'ST_DURATION_NS_QUANTILES' : 'ST_QUANTILES';

export const quantiles: Aggregates<keyof typeof shares | 'quantiles'> = {
  median: quantile(shares.median),
  p50: quantile(shares.p50),
  p75: quantile(shares.p75),
  p90: quantile(shares.p90),
  p95: quantile(shares.p95),
  p99: quantile(shares.p99),
  p999: quantile(shares.p999),
  quantiles: {
    type: (argument) => (isNumber(argument) ? { type: 'STRING', semantic: semanticOfAll(argument) } : undefined),
    text: (value) => {
      const all = `quantile_cont(${value}, [${percentiles.map((each) => `0.${each}`).join(', ')}])`;
      const one = (share: string, i: number) =>
        quantileText(asDouble(value), share, `CAST(${all}[${i + 1}] AS DOUBLE)`);
      return `CASE WHEN count(${value}) > 0 THEN ${jsonText(one)} END`;
    },
    split: split(([states], result) => apply('quantilesOfStates', result, states!)),
  },
};

/** SQL with a name for a text that is long, or costly, and used more than once. */
function named(name: string, text: string, body: string): string {
  return `list_transform([${text}], lambda ${name}: ${body})[1]`;
}

/** The middle of a value's bucket; whole numbers of so few digits that a bucket has one are told as they are. */
function bucketText(value: string, { type }: Scalar): string {
  const float = asDouble(value);
  const size = `abs(${float})`;
  const power = `pow(2, floor(log2(${size})))`;
  const middle = `sign(${float}) * ${power} * (1 + (floor((${size} / ${power} - 1) * ${bucketsPerDoubling}) + 0.5) / ${bucketsPerDoubling})`;
  const exact = [`${float} = 0`, `NOT isfinite(${float})`];
  if (type === 'INT64') exact.push(`${size} < ${bucketsPerDoubling * 2}`);
  return `CASE WHEN ${exact.join(' OR ')} THEN ${float} ELSE ${middle} END`;
}

export const quantilePartials: Partials<'quantile_state'> = {
  quantile_state: {
    // By texts: DuckDB's histogram takes a NaN for any number. Values, `|`, counts: reading a map would take seven times as long.
    text: (value, { argument }) => {
      const listed = (list: string) => `array_to_string(${list}(h_), ',')`;
      const counts = (each: string) =>
        named(
          'h_',
          `histogram(CAST(${each} AS VARCHAR)) FILTER (${value} IS NOT NULL)`,
          `${listed('map_keys')} || '|' || ${listed('map_values')}`,
        );
      const few = counts(asDouble(value));
      return `CASE WHEN count(${value}) > ${fewAtNode} THEN ${counts(bucketText(value, argument))} WHEN count(${value}) > 0 THEN ${few} END`;
    },
  },
};

/** A list is walked in strides of so many entries, then within one: each step costs, and a hundred nodes make lists of 20,000. */
const stride = 256;

/** Of `{at, value}` in order, the first with which more are counted than `below`: its `at`, and as `value` how many more. */
function walked(list: string, below: string): string {
  return (
    `list_reduce(${list}, lambda a_, e_: CASE WHEN a_.value > 0 THEN a_ ELSE {'at': e_.at, 'value': a_.value + e_.value} END, ` +
    `{'at': CAST(NULL AS BIGINT), 'value': -CAST(${below} AS BIGINT)})`
  );
}

/** One by one: a slice would copy the list for each stride. */
const countOfStride = (at: string) =>
  `CAST(list_sum(list_transform(range(${at}, ${at} + ${stride}), lambda j_: c_[j_])) AS BIGINT)`;

/** Of the sorted values `k_`, how often each is there `c_`, the strides of these `s_`, and how many they are altogether `n_`. */
function quantileOfEntries(share: string): string {
  const place = `CASE WHEN n_ > ${fewValues} THEN ${share} * (n_ - 1) ELSE ${placeOfFew(share, 'n_')} END`;
  // The first value with which more are counted than lie below the place.
  const at = (round: string) => {
    const within = `list_transform(range(f_.at, least(f_.at + ${stride}, len(c_) + 1)), lambda i_: {'at': i_, 'value': c_[i_]})`;
    return named(
      'f_',
      walked('s_', `${round}(p_)`),
      `k_[${walked(within, `${countOfStride('f_.at')} - f_.value`)}.at]`,
    );
  };
  return named('p_', place, between(at('floor'), at('ceil'), 'p_'));
}

/** The entries of all states, sorted by their values. */
function overEntries(gathered: string, body: string): string {
  const strides = `list_transform(range(1, len(c_) + 1, ${stride}), lambda i_: {'at': i_, 'value': ${countOfStride('i_')}})`;
  const counted = named('s_', strides, named('n_', 'CAST(list_sum(c_) AS BIGINT)', body));
  const ordered = `list_select(${halvesText(gathered, 2, 'BIGINT')}, list_grade_up(v_))`;
  const sorted = named('c_', ordered, named('k_', 'list_sort(v_)', counted));
  return named('v_', halvesText(gathered, 1, 'DOUBLE'), sorted);
}

export const quantileFinishes = {
  quantileOfStates: (gathered: string, share: string) => overEntries(gathered, quantileOfEntries(share)),
  quantilesOfStates: (gathered: string) =>
    `CASE WHEN ${gathered} IS NOT NULL THEN ${overEntries(gathered, jsonText(quantileOfEntries))} END`,
};
