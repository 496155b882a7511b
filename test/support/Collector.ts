/**
 * A small OTLP/HTTP collector: keeps the spans and metrics it is sent, or misbehaves as asked.
 */
import { createServer, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect } from "effect"
import * as Secrets from "./Secrets.ts"

interface Value {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly boolValue?: boolean
}
interface RawSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Value }>
  readonly events?: ReadonlyArray<{ readonly name: string }>
}

interface Point {
  readonly attributes: ReadonlyArray<{ readonly key: string; readonly value: Value }>
  readonly asDouble?: number
  readonly count?: number
}
interface Metric {
  readonly name: string
  readonly sum?: { readonly dataPoints: ReadonlyArray<Point> }
  readonly gauge?: { readonly dataPoints: ReadonlyArray<Point> }
  readonly histogram?: { readonly dataPoints: ReadonlyArray<Point> }
}

export interface Span extends Omit<RawSpan, "attributes" | "events"> {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<string>
}

export interface Collector {
  readonly url: string
  readonly spans: ReadonlyArray<Span>
  readonly metrics: ReadonlySet<string>
  /** Sum of a metric's series as they were last sent: values of a counter or gauge, the count of a histogram. */
  readonly figure: (name: string) => number | undefined
  readonly requests: () => number
  readonly raw: () => string
  readonly headers: () => Readonly<Record<string, unknown>>
}

const plain = ({ boolValue, doubleValue, intValue, stringValue }: Value): unknown =>
  stringValue ?? doubleValue ?? boolValue ?? (intValue === undefined ? undefined : Number(intValue))

export const make = (answer: (response: ServerResponse) => void = (response) => response.end("{}")) =>
  Effect.gen(function* () {
    const spans: Array<Span> = []
    const metrics = new Set<string>()
    const figures = new Map<string, number>()
    let requests = 0
    let raw = ""
    let headers: Record<string, unknown> = {}
    const take = (path: string, body: string) => {
      raw += body
      const sent = JSON.parse(body) as {
        readonly resourceSpans?: ReadonlyArray<{
          readonly scopeSpans: ReadonlyArray<{ readonly spans: ReadonlyArray<RawSpan> }>
        }>
        readonly resourceMetrics?: ReadonlyArray<{
          readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<Metric> }>
        }>
      }
      if (path === "/v1/traces") {
        for (const span of sent.resourceSpans?.flatMap((one) => one.scopeSpans.flatMap((scope) => scope.spans)) ?? []) {
          spans.push({
            ...span,
            attributes: Object.fromEntries(span.attributes.map(({ key, value }) => [key, plain(value)])),
            events: (span.events ?? []).map(({ name }) => name)
          })
        }
      }
      for (const one of sent.resourceMetrics?.flatMap((r) => r.scopeMetrics.flatMap((s) => s.metrics)) ?? []) {
        metrics.add(one.name)
        const points = (one.sum ?? one.gauge ?? one.histogram)?.dataPoints ?? []
        figures.set(
          one.name,
          points.reduce((sum, { asDouble, count }) => sum + (asDouble ?? count ?? 0), 0)
        )
      }
    }
    const server = yield* Effect.acquireRelease(
      Effect.async<ReturnType<typeof createServer>>((resume) => {
        const listening = createServer((request, response) => {
          requests++
          headers = request.headers
          let body = ""
          request.setEncoding("utf8").on("data", (part: string) => {
            body += part
          })
          request.on("end", () => {
            take(request.url ?? "", body)
            Secrets.sweep(`to the collector ${request.url}`, body)
            answer(response)
          })
        })
        listening.listen(0, "127.0.0.1", () => resume(Effect.succeed(listening)))
      }),
      (listening) =>
        Effect.sync(() => {
          listening.close()
          listening.closeAllConnections()
        })
    )
    const { port } = server.address() as AddressInfo
    const url = `http://127.0.0.1:${port}`
    return {
      url,
      spans,
      metrics,
      figure: (name: string) => figures.get(name),
      requests: () => requests,
      raw: () => raw,
      headers: () => headers
    } satisfies Collector
  })
