import type { Registry } from 'prom-client';
import { type MetricName, type MetricRow, metricTable } from './metric-table.js';

/** The values of a metric's labels, in the order of its row in the table. */
type Values = readonly string[];

/**
 * Counters and histograms for what is counted several times in each request. prom-client sorts and joins the labels of a sample
 * each time, and takes ten times as long over it; it still shows these.
 */
abstract class Metric<Series extends { readonly values: Values }> {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly aggregator = 'sum';
  protected readonly labelNames: readonly string[];
  readonly #series = new Map<string, Series>();

  constructor(key: MetricName, registry: Registry) {
    const { name, help, kind, labels }: MetricRow = metricTable[key];
    this.name = name;
    this.help = help;
    this.type = kind;
    this.labelNames = Object.keys(labels);
    registry.registerMetric(this as never);
  }

  /** As prom-client asks for it. */
  async get(): Promise<object> {
    const { name, help, type, aggregator } = this;
    const values = [...this.#series.values()].flatMap((series) => this.samples(series));
    return { name, help, type, aggregator, values };
  }

  reset(): void {
    this.#series.clear();
  }

  protected at(values: Values): Series {
    // No label has it: methods, names and codes are bounded, and plain.
    const key = values.join('\n');
    let series = this.#series.get(key);
    if (series === undefined) {
      series = this.begin(values);
      this.#series.set(key, series);
    }
    return series;
  }

  protected labelsOf({ values }: Series): Record<string, string> {
    return Object.fromEntries(this.labelNames.map((name, i) => [name, values[i] ?? '']));
  }

  protected abstract begin(values: Values): Series;
  protected abstract samples(series: Series): object[];
}

interface Count {
  readonly values: Values;
  count: number;
}

/** A counter whose labels are given by their values. */
export class FastCounter extends Metric<Count> {
  inc(values: Values, by = 1): void {
    this.at(values).count += by;
  }

  protected begin(values: Values): Count {
    return { values, count: 0 };
  }

  protected samples(series: Count): object[] {
    return [{ labels: this.labelsOf(series), value: series.count }];
  }
}

interface Times {
  readonly values: Values;
  /** For each bucket those that are in no bucket below it; the last has what is above all. */
  readonly counts: number[];
  sum: number;
}

/** A histogram of seconds whose labels are given by their values. */
export class FastHistogram extends Metric<Times> {
  readonly #bounds: readonly number[];

  constructor(key: MetricName, registry: Registry) {
    super(key, registry);
    const { buckets = [] }: MetricRow = metricTable[key];
    this.#bounds = buckets;
  }

  observe(values: Values, seconds: number): void {
    const series = this.at(values);
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && seconds > (bounds[bucket] as number)) bucket += 1;
    (series.counts[bucket] as number) += 1;
    series.sum += seconds;
  }

  protected begin(values: Values): Times {
    return { values, counts: new Array<number>(this.#bounds.length + 1).fill(0), sum: 0 };
  }

  protected samples(series: Times): object[] {
    const labels = this.labelsOf(series);
    let value = 0;
    const buckets = series.counts.map((count, i) => {
      value += count;
      const le = this.#bounds[i] ?? '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { le, ...labels }, value };
    });
    return [
      ...buckets,
      { metricName: `${this.name}_sum`, labels, value: series.sum },
      { metricName: `${this.name}_count`, labels, value },
    ];
  }
}
