/** What pandas, Polars, SQL and Python call what PxL has by another name: hints for who writes it from habit. */
type Names = Readonly<Record<string, string>>;

const count = "df.agg(n=('column', px.count))";
const column = 'df.name = value';

const ofFrames: Names = {
  order_by: 'df.sort(…)',
  orderby: 'df.sort(…)',
  sort_by: 'df.sort(…)',
  sort_values: 'df.sort(…)',
  nlargest: "df.sort('column', ascending=False).head(n)",
  limit: 'df.head(n)',
  take: 'df.head(n)',
  where: 'df[df.a > 1]',
  query: 'df[df.a > 1]',
  select: "df[['a', 'b']]",
  join: 'df.merge(…)',
  concat: 'df.append(other)',
  union: 'df.append(other)',
  unique: 'df.distinct()',
  drop_duplicates: 'df.distinct()',
  assign: column,
  with_columns: column,
  with_column: column,
  apply: column,
  count,
  size: count,
  sum: "df.agg(n=('column', px.sum))",
  mean: "df.agg(n=('column', px.mean))",
  min: "df.agg(n=('column', px.min))",
  max: "df.agg(n=('column', px.max))",
  aggregate: 'df.agg(…)',
  resample: "df.rolling('1m').agg(…)",
  dropna: 'df[not px.is_missing(df.a)]',
  reset_index: 'df: what was grouped by is a column',
  describe: "df.agg(least=('column', px.min), mean=('column', px.mean), most=('column', px.max))",
  show: 'px.display(df)',
  display: 'px.display(df)',
  print: 'px.display(df)',
};

/** What pandas has beside columns, and PxL takes for the name of one. */
const ofAttributes: Names = {
  loc: 'df[df.a > 1]',
  iloc: 'df[0:1]',
  shape: count,
};

const ofColumns: Names = {
  str: "px.contains(column, 'a'), px.tolower(column)",
  dt: 'px.bin(column, px.minutes(1))',
  lower: 'px.tolower(column)',
  upper: 'px.toupper(column)',
  strip: 'px.trim(column)',
  startswith: "px.starts_with(column, 'a')",
  endswith: "px.ends_with(column, 'a')",
  contains: "px.contains(column, 'a')",
  find: "px.find(column, 'a')",
  replace: "px.replace('pattern', column, 'new')",
  split: "px.split(column, ',')",
  round: 'px.round(column)',
  abs: 'px.abs(column)',
  astype: 'int(column), float(column), px.itoa(column)',
  isin: "column in ['a', 'b']",
  between: '1 <= column <= 5',
  isna: 'px.is_missing(column)',
  isnull: 'px.is_missing(column)',
  notna: 'not px.is_missing(column)',
  fillna: 'px.coalesce(column, 0)',
  shift: "df.window(order_by='time_', before=('column', px.lag))",
  diff: "df.window(order_by='time_', grown=('column', px.difference))",
  rank: "df.window(order_by='column', rank=('column', px.rank))",
  value_counts: "df.groupby('column').agg(n=('column', px.count))",
  unique: "df.distinct('column')",
  nunique: "df.agg(n=('column', px.count_distinct))",
  count,
  sum: "df.agg(n=('column', px.sum))",
  mean: "df.agg(n=('column', px.mean))",
  min: "df.agg(n=('column', px.min))",
  max: "df.agg(n=('column', px.max))",
};

const ofPython: Names = {
  print: 'px.display(df)',
  abs: 'px.abs(x)',
  round: 'px.round(x)',
  min: "px.least(a, b); of all rows df.agg(n=('column', px.min))",
  max: "px.greatest(a, b); of all rows df.agg(n=('column', px.max))",
  sum: "df.agg(n=('column', px.sum))",
  pow: 'px.pow(x, y)',
  sorted: 'df.sort(…)',
  pd: 'import px',
  string: 'str',
  boolean: 'bool',
  integer: 'int',
  double: 'float',
  null: 'None',
  nil: 'None',
  true: 'True',
  false: 'False',
  DataFrame: "px.DataFrame('table')",
};

const ofPx: Names = {
  where: 'px.select(condition, yes, no)',
  if_else: 'px.select(condition, yes, no)',
  avg: 'px.mean',
  average: 'px.mean',
  std: 'px.stddev',
  quantile: 'px.quantiles, or px.p99 and its like',
  percentile: 'px.quantiles, or px.p99 and its like',
  nunique: 'px.count_distinct',
  lower: 'px.tolower(text)',
  upper: 'px.toupper(text)',
  concat: 'a + b; of DataFrames df.append(other)',
  len: 'px.length(text)',
  isnull: 'px.is_missing(value)',
  fillna: 'px.coalesce(value, other)',
  strftime: 'df.time_: it is shown as a time',
  date_trunc: 'px.bin(df.time_, px.minutes(1))',
  json_extract: "px.pluck(json, 'key')",
  merge: 'df.merge(other, …)',
  append: 'df.append(other)',
  groupby: "df.groupby('column')",
};

const hint = (names: Names, name: string): string[] => (Object.hasOwn(names, name) ? [`write ${names[name]}`] : []);

export const frameHints = (name: string): string[] => hint(ofFrames, name);
export const attributeHints = (name: string): string[] => hint(ofAttributes, name);
export const columnHints = (name: string): string[] => hint(ofColumns, name);
export const pxHints = (name: string): string[] => hint(ofPx, name);
export const pythonHints = (name: string): string[] => hint(ofPython, name);
