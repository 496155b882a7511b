/**
 * The metrics of one gateway: what is counted here, and what is read from its owner at each scrape.
 *
 * Effect's own registry is one per process, so several gateways in a process would add up in it.
 */
import { Effect, MetricHook, MetricKey, MetricKeyType, MetricLabel, MetricPair, MetricState } from "effect"
import type { Counter, Gauge, Histogram } from "./MetricKeys.ts"

export type Labels = Readonly<Record<string, string>>

/** A figure that its owner keeps anyway: a gauge, or a counter that is counted there. */
export interface Reading {
  readonly key: Counter | Gauge
  readonly value: number
  readonly labels?: Labels
}

export interface MetricStore {
  /** Adds to a counter, or records a value in a histogram. */
  readonly mark: (key: Counter | Histogram, value: number, labels?: Labels) => void
  /** Reads these figures at each scrape. A second source with the same name replaces the first. */
  readonly observe: (name: string, readings: Effect.Effect<ReadonlyArray<Reading>>) => void
  /** Sum over all series of a counter that have these labels. */
  readonly total: (key: Counter, labels?: Labels) => number
  /** Everything, as Effect's own `Metric.snapshot` gives it. */
  readonly snapshot: Effect.Effect<ReadonlyArray<MetricPair.MetricPair.Untyped>>
}

interface Series {
  readonly key: MetricKey.MetricKey.Untyped
  readonly labels: Labels
  readonly hook: MetricHook.MetricHook<
    number,
    MetricState.MetricState.Counter<number> | MetricState.MetricState.Histogram
  >
}

const none: Labels = {}

const labelled = <K extends MetricKeyType.MetricKeyType.Untyped>(key: MetricKey.MetricKey<K>, labels: Labels) =>
  MetricKey.taggedWithLabels(
    key,
    Object.entries(labels).map(([label, value]) => MetricLabel.make(label, value))
  )

const isCounter = (key: Counter | Gauge | Histogram): key is Counter => MetricKeyType.isCounterKey(key.keyType)

const seriesOf = (key: Counter | Histogram, labels: Labels): Series => {
  if (isCounter(key)) {
    const own = labelled(key, labels)
    return { key: own, labels, hook: MetricHook.counter(own) }
  }
  const own = labelled(key, labels)
  return { key: own, labels, hook: MetricHook.histogram(own) }
}

const toPair = ({ key, labels = none, value }: Reading) =>
  isCounter(key)
    ? MetricPair.unsafeMake(labelled(key, labels), MetricState.counter(value))
    : MetricPair.unsafeMake(labelled(key, labels), MetricState.gauge(value))

export const make = (): MetricStore => {
  const families = new Map<Counter | Histogram, Map<string, Series>>()
  const sources = new Map<string, Effect.Effect<ReadonlyArray<Reading>>>()
  /** A source that fails leaves out its own figures only. */
  const readAlone = ([name, source]: readonly [string, Effect.Effect<ReadonlyArray<Reading>>]) =>
    Effect.catchAllCause(source, (cause) =>
      Effect.as(Effect.annotateLogs(Effect.logWarning("metrics not read", cause), { source: name }), [])
    )

  /** Made at the first mark: later ones look it up by its labels, without making a key or hashing one. */
  const find = (key: Counter | Histogram, labels: Labels): Series => {
    let name = ""
    for (const label in labels) name += `${label}=${labels[label]}\n`
    let family = families.get(key)
    if (family === undefined) {
      family = new Map()
      families.set(key, family)
    }
    let found = family.get(name)
    if (found === undefined) {
      found = seriesOf(key, labels)
      family.set(name, found)
    }
    return found
  }

  const counted = () =>
    Array.from(families.values()).flatMap((family) =>
      Array.from(family.values(), ({ hook, key }) => MetricPair.unsafeMake(key, hook.get()))
    )

  return {
    mark: (key, value, labels = none) => find(key, labels).hook.update(value),
    observe: (name, readings) => {
      sources.set(name, readings)
    },
    total: (key, labels = none) => {
      let sum = 0
      for (const { hook, labels: own } of families.get(key)?.values() ?? []) {
        const state = hook.get()
        const isAsked = Object.entries(labels).every(([label, value]) => own[label] === value)
        if (isAsked && MetricState.isCounterState(state)) sum += Number(state.count)
      }
      return sum
    },
    snapshot: Effect.suspend(() =>
      Effect.map(Effect.forEach(sources, readAlone), (readings) => [...counted(), ...readings.flat().map(toPair)])
    )
  }
}
