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

export interface Span extends Omit<RawSpan, "attributes" | "events"> {
  readonly attributes: Readonly<Record<string, unknown>>
  readonly events: ReadonlyArray<string>
}

export interface Collector {
  readonly url: string
  readonly spans: ReadonlyArray<Span>
  readonly metrics: ReadonlySet<string>
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
          readonly scopeMetrics: ReadonlyArray<{ readonly metrics: ReadonlyArray<{ readonly name: string }> }>
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
      for (const one of sent.resourceMetrics?.flatMap((r) => r.scopeMetrics.flatMap((s) => s.metrics)) ?? [])
        metrics.add(one.name)
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
    return { url, spans, metrics, requests: () => requests, raw: () => raw, headers: () => headers } satisfies Collector
  })
