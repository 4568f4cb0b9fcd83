/** statsd_exporter, a metrics server: numbers with labels come in as StatsD's lines. */
import { deepStrictEqual, ok, strictEqual } from 'node:assert';
import { city, lines, serveStatsd } from './statsd.ts';
import { type Any, watch } from './watch.ts';

const pkg = 'github.com/prometheus/statsd_exporter/pkg';

/** The number of a request whose value was read. */
function numberOf(value: number): number {
  ok(Number.isInteger(value - 0.25) && value > 1, String(value));
  return value - 0.25;
}

const types = {
  CounterEvent: (event: Any) => [event.CMetricName, event.CValue, event.CLabels],
  GaugeEvent: (event: Any) => [event.GMetricName, event.GValue, event.GLabels],
  ObserverEvent: (event: Any) => [event.OMetricName, event.OValue, event.OLabels],
};

function isEvent(event: Any): void {
  const type = event['(type)'].split('.').at(-1) as keyof typeof types;
  const [name, value, labels] = types[type](event);
  if (type === 'CounterEvent') {
    deepStrictEqual([name, value], ['load.requests', 1]);
    ok(/^[0-4]$/.test(labels.shard) && [0, 1, 2].map(city).includes(labels.city));
  } else if (type === 'GaugeEvent') {
    deepStrictEqual([name, labels], ['load.reading', { city: city(numberOf(value)) }]);
    strictEqual(event.GRelative, false);
  } else {
    // In seconds.
    const n = numberOf(Math.round(value * 1e5) / 100);
    deepStrictEqual([name, labels], ['load.time', { shard: String(n % 5) }]);
  }
}

const isLabels = (labels: Any) => {
  const { city: of, shard } = labels;
  ok(of === undefined || [0, 1, 2].map(city).includes(of));
  ok(shard === undefined || /^[0-4]$/.test(shard));
  ok(of !== undefined || shard !== undefined);
};

watch('statsd_exporter', serveStatsd, [
  {
    function: `${pkg}/line.(*Parser).LineToEvents`,
    check({ args, results }) {
      const { p, line } = args as Any;
      strictEqual(p.DogstatsdTagsEnabled, true);
      const value = Number(/:([\d.]+)\|/.exec(line)![1]);
      if (!line.startsWith('load.requests')) ok(lines(numberOf(value)).includes(line));
      strictEqual((results as Any).$0.length, 1);
      isEvent((results as Any).$0[0]);
    },
  },
  {
    function: `${pkg}/line.buildEvent`,
    check({ args, results }) {
      const { statType, metric, value, relative, labels } = args as Any;
      deepStrictEqual([relative, (results as Any).$1], [false, null]);
      ok({ c: 'load.requests', g: 'load.reading', ms: 'load.time' }[statType as string] === metric);
      if (statType !== 'c') ok(Number.isInteger(numberOf(value)));
      else strictEqual(value, 1);
      isLabels(labels);
      isEvent((results as Any).$0);
    },
  },
  {
    function: `${pkg}/line.(*Parser).ParseDogStatsDTags`,
    check({ args }) {
      const { component, labels } = args as Any;
      ok(/^(?:city:(?:köln|münchen|graz)(?:,shard:[0-4])?|shard:[0-4])$/.test(component), component);
      deepStrictEqual(labels, {});
    },
  },
  {
    function: `${pkg}/exporter.(*Exporter).handleEvent`,
    check({ args }) {
      isEvent((args as Any).thisEvent);
    },
  },
  {
    function: `${pkg}/event.(*EventQueue).Queue`,
    // The queue's own events fill an event of the default size.
    flags: ['--event-bytes', '65536'],
    check({ args }) {
      for (const event of (args as Any).events) isEvent(event);
    },
  },
  {
    function: `${pkg}/mapper.(*MetricMapper).GetMapping`,
    check({ args, results }) {
      const { statsdMetric, statsdMetricType } = args as Any;
      const wanted = { counter: 'load.requests', gauge: 'load.reading', observer: 'load.time' };
      strictEqual(statsdMetric, wanted[statsdMetricType as keyof typeof wanted]);
      strictEqual((results as Any).$2, false);
    },
  },
  {
    function: `${pkg}/registry.(*Registry).GetCounter`,
    check({ args, results }) {
      const { metricName, labels } = args as Any;
      strictEqual(metricName, 'load_requests');
      isLabels(labels);
      strictEqual((results as Any).$0['(type)'], '*github.com/prometheus/client_golang/prometheus.counter');
      strictEqual((results as Any).$1, null);
    },
  },
  {
    function: `${pkg}/registry.(*Registry).HashLabels`,
    check({ args, results }) {
      isLabels((args as Any).labels);
      deepStrictEqual((results as Any).$1, Object.keys((args as Any).labels).sort());
    },
  },
  {
    function: `${pkg}/registry.(*Registry).GetSummary`,
    check({ args, results }) {
      const { metricName, labels } = args as Any;
      deepStrictEqual([metricName, Object.keys(labels)], ['load_time', ['shard']]);
      isLabels(labels);
      strictEqual((results as Any).$0['(type)'], '*github.com/prometheus/client_golang/prometheus.summary');
      strictEqual((results as Any).$1, null);
    },
  },
  {
    function: 'github.com/prometheus/client_golang/prometheus.(*summary).Observe',
    check({ args }) {
      const { s, v } = args as Any;
      numberOf(Math.round(v * 1e5) / 100);
      ok(s.objectives['0.5'] !== undefined || s.objectives.length === 3, JSON.stringify(s.objectives));
    },
  },
]);
