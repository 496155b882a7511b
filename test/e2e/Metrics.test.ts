import * as Net from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Collector from "../support/Collector.ts"
import { effort } from "../support/Effort.ts"
import * as Load from "./load.ts"
import { chat, eventually, isBalanced, type Program, settled, start } from "./support.ts"

type Samples = ReadonlyMap<string, number>

const scrape = (program: Program) =>
  Effect.promise(async (): Promise<Samples> => {
    const lines = (await (await fetch(`${program.base}/metrics`)).text()).split("\n")
    return new Map(
      lines
        .filter((line) => line !== "" && !line.startsWith("#"))
        .map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ") + 1))])
    )
  })

/** All series of a metric that have these labels, together. */
const sum = (samples: Samples, name: string, ...labels: ReadonlyArray<string>) =>
  [...samples]
    .filter(([series]) => series.split("{")[0] === name && labels.every((label) => series.includes(label)))
    .reduce((total, [, value]) => total + value, 0)

const route = 'route="/v1/chat/completions"'

describe("/metrics", () => {
  it.scopedLive(
    "agrees with whoever made the load, to the unit",
    () =>
      Effect.gen(function* () {
        const limits = { GATEWAY_MAX_IN_FLIGHT: "8", GATEWAY_QUEUE_MAX: "4", GATEWAY_QUEUE_TIMEOUT_SEC: "1" }
        const program = yield* start(limits)
        const emu = (keys: string) => `[[emu interval=0 tokens=6 ${keys}]]`

        // Answers that tell their tokens.
        let asked = 0
        const used = { prompt: 0, completion: 0 }
        yield* Effect.promise(() =>
          Load.run(
            program,
            8,
            () => (asked++ < 40 ? { prompt: `${emu("")} ${"word ".repeat(asked)}`, stream: false } : undefined),
            ({ text }) => {
              const { usage } = JSON.parse(text) as {
                readonly usage: { readonly prompt_tokens: number; readonly completion_tokens: number }
              }
              used.prompt += usage.prompt_tokens
              used.completion += usage.completion_tokens
            }
          )
        )
        yield* settled(program)
        const quiet = yield* scrape(program)
        assert.deepStrictEqual(
          {
            prompt: sum(quiet, "gateway_tokens_total", 'kind="prompt"'),
            completion: sum(quiet, "gateway_tokens_total", 'kind="completion"')
          },
          used
        )

        // Every way to end, more at once than there are places.
        const kinds: ReadonlyArray<(n: number) => Load.Ask> = [
          (n) => ({ prompt: `${emu("interval=20")} ${n}` }),
          (n) => ({ prompt: `${emu("")} ${n}`, stream: false }),
          (n) => ({ prompt: `${emu("interval=30")} ${n}` }),
          () => ({ prompt: emu("fault=reject_prompt") }),
          () => ({ prompt: emu("fault=finish_error=500@3") }),
          () => ({ prompt: "hello", more: { model: "no-such-model" } }),
          () => ({ prompt: "[[emu tokens=5000 interval=20]]", leaveAfter: "first" })
        ]
        const tally = Load.tally()
        const total = 700
        let n = 0
        yield* Effect.promise(() =>
          Load.run(program, 24, () => (n < total ? kinds[n % kinds.length]?.(n++) : undefined), tally.add)
        )
        const concurrency = yield* settled(program)
        assert.isTrue(isBalanced(concurrency))
        const { ends, statuses } = tally
        assert.strictEqual(ends.cut, 0)
        for (const each of [
          ends.whole,
          ends.told,
          ends.left,
          ...[404, 429, 502].map((status) => statuses[status] ?? 0)
        ]) {
          assert.isAbove(each, 0, JSON.stringify({ ends, statuses }))
        }
        const last = yield* scrape(program)
        const rose = (name: string, ...labels: ReadonlyArray<string>) =>
          sum(last, name, ...labels) - sum(quiet, name, ...labels)
        const rejected = statuses[429] ?? 0
        const answered = ends.whole + ends.told + ends.left
        assert.deepStrictEqual(
          {
            completed: rose("gateway_chats_total", 'outcome="completed"'),
            cancelled: rose("gateway_chats_total", 'outcome="cancelled"'),
            failed: rose("gateway_chats_total", 'outcome="failed"'),
            rejected: rose("gateway_chats_total", 'outcome="rejected"'),
            accepted: rose("gateway_accepted_total"),
            refused: rose("gateway_rejected_total"),
            abandoned: rose("gateway_abandoned_total"),
            waits: rose("gateway_queue_wait_seconds_count"),
            first: rose("gateway_first_token_seconds_count"),
            durations: rose("gateway_chat_duration_seconds_count"),
            requests: rose("gateway_http_requests_total", route),
            unknown: rose("gateway_http_requests_total", route, 'status="404"'),
            busy: rose("gateway_http_requests_total", route, 'status="429"'),
            broken: rose("gateway_http_requests_total", route, 'status="502"')
          },
          {
            completed: ends.whole,
            cancelled: ends.left,
            failed: ends.told + ends.refused - rejected,
            rejected,
            accepted: total - rejected,
            refused: rejected,
            abandoned: 0,
            waits: total - rejected,
            first: answered,
            durations: total,
            requests: total,
            unknown: statuses[404],
            busy: rejected,
            broken: statuses[502]
          }
        )
        assert.strictEqual(sum(last, "gateway_in_flight") + sum(last, "gateway_queued"), 0)
      }),
    { timeout: 60_000 }
  )
})

const words = ['"', "\\", "\u001b[31m", "</script>", "$(x)", "%00", "'--", "é", "{}=,", "_bucket"]
const word = (i: number) => `${words[i % words.length]}${i.toString(36)}${words[(i >> 3) % words.length]}`
const get = (path: string, headers = "", verb = "GET") =>
  `${verb} ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n${headers}\r\n`
const post = (body: unknown) => {
  const text = JSON.stringify(body)
  const head = `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(text)}\r\n`
  return get("/v1/chat/completions", head, "POST") + text
}
const verbs = ["PROPFIND", "DELETE", "PATCH", "PUT", "REPORT", "M-SEARCH", "UNLOCK"]

/** As strangers send them; each is answered, and none is like another. */
const hostile = (i: number): string => {
  const odd = encodeURIComponent(word(i))
  switch (i % 20) {
    case 0:
      return get("/v1/models", "", verbs[((i / 20) % verbs.length) | 0])
    case 1:
      return get(`/v1/models/${odd}`)
    case 2:
      return get(
        "/healthz",
        `x-request-id: ${odd}"'\r\nuser-agent: ${odd}\r\ntraceparent: 00-${i}-${i}-01\r\nx-session-id: ${i}\r\n`
      )
    case 3:
      return get("/v1/models", `origin: https://${i}.example\r\naccess-control-request-method: X${i}\r\n`, "OPTIONS")
    case 4:
      return get(`/internal/${odd}`, `authorization: Bearer ${odd}\r\n`)
    case 5:
      return get(`/metrics/..%2f${odd}`)
    case 6:
      return post({ model: `${word(i)}\n`, user: word(i), messages: [{ role: "user", content: "hi" }] })
    case 7:
      return post({ model: "auto", [word(i)]: word(i), messages: [{ role: word(i), content: "hi" }] })
    default:
      return get(`/${odd}/${i}?${odd}=${i}`)
  }
}

/** Sends many at a time on each of some connections; ends when all are answered. */
const storm = (program: Program, from: number, count: number) =>
  Effect.promise(() => {
    const port = Number(new URL(program.base).port)
    const batch = 100
    let next = from
    const worker = () =>
      new Promise<void>((resolve, reject) => {
        const socket = Net.connect({ port, host: "127.0.0.1" })
        let open = 0
        let tail = ""
        const more = () => {
          if (next >= from + count) {
            socket.destroy()
            return resolve()
          }
          let text = ""
          for (; open < batch && next < from + count; open++) text += hostile(next++)
          socket.write(text)
        }
        socket.on("connect", more)
        socket.on("data", (data) => {
          const text = tail + data.toString("latin1")
          open -= text.split("HTTP/1.1 ").length - 1
          tail = text.slice(-8)
          if (open === 0) more()
        })
        socket.on("error", reject)
        socket.on("close", () => reject(new Error(`closed with ${open} not answered; ${tail}`)))
      })
    return Promise.all(Array.from({ length: 8 }, worker))
  })

describe("strangers", () => {
  it.scopedLive(
    "make no series, however many requests they send, and are counted to the unit",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ LOG_LEVEL: "error" }, { ready: false })
        const isReady = Effect.promise(async () => (await fetch(`${program.base}/readyz`)).ok)
        yield* Effect.repeat(Effect.delay(isReady, "50 millis"), { until: (ready) => ready })
        yield* storm(program, 0, 2_000)
        yield* scrape(program)
        const before = yield* scrape(program)
        const many = effort(30_000, 100_000)
        yield* storm(program, 2_000, many)
        const after = yield* scrape(program)
        assert.deepStrictEqual([...after.keys()].sort(), [...before.keys()].sort())
        const requests = (samples: Samples) => sum(samples, "gateway_http_requests_total")
        // One of them is the scrape before.
        assert.strictEqual(requests(after) - requests(before), many + 1)
        assert.strictEqual(yield* Effect.map(chat(program, "[[emu interval=0]]"), ({ status }) => status), 200)
      }),
    { timeout: 300_000 }
  )

  it.scopedLive("scraping in a loop meet the same series, soon", () =>
    Effect.gen(function* () {
      const program = yield* start()
      yield* Effect.repeatN(scrape(program), 20)
      const before = yield* scrape(program)
      const began = performance.now()
      yield* Effect.repeatN(scrape(program), 199)
      assert.isBelow((performance.now() - began) / 200, 50)
      assert.deepStrictEqual([...(yield* scrape(program)).keys()], [...before.keys()])
    })
  )

  it.scopedLive("forge no line of the log, no label and no span", () =>
    Effect.gen(function* () {
      const collector = yield* Collector.make()
      const program = yield* start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url, OTEL_BSP_SCHEDULE_DELAY: "100" })
      const forged =
        '\n{"message":"forged","logLevel":"INFO"}\r\n# TYPE forged counter\nforged 1\n\u001b[31m\u2028\u0000'
      const asked = {
        headers: {
          "content-type": "application/json",
          "x-request-id": '"}{"message":"forged"',
          "x-session-id": "s".repeat(4_000),
          "user-agent": '\t"forged"\t',
          traceparent: "00-forged-forged-01",
          tracestate: 'forged="1"'
        },
        body: JSON.stringify({ model: forged, user: forged, messages: [{ role: "user", content: forged }] })
      }
      assert.strictEqual((yield* chat(program, "", {}, asked)).status, 404)
      const good = { ...asked, body: JSON.stringify({ ...JSON.parse(asked.body), model: "auto" }) }
      assert.strictEqual((yield* chat(program, "", {}, good)).status, 200)
      yield* Effect.promise(() => fetch(`${program.base}/v1/models/${encodeURIComponent(forged)}`))
      yield* Effect.promise(() => fetch(`${program.base}/%0a%7b"message":"forged"%7d`))
      yield* eventually(() => collector.spans.filter(({ name }) => name === "chat").length === 2 || undefined, "spans")
      yield* settled(program)

      const lines = program.stdout().trimEnd().split("\n")
      for (const line of lines) {
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
        assert.notMatch(line, /[\u0000-\u001f\u007f\u2028]/)
        const { message } = JSON.parse(line) as { readonly message: string }
        assert.notInclude(message, "forged")
      }
      assert.strictEqual(lines.filter((line) => /"message":"request".*"path":"\/[v%]/.test(line)).length, 4)
      for (const series of (yield* scrape(program)).keys()) assert.notInclude(series, "forged")
      const closed =
        /^(chat|queue|lease|login|models|initialize|(auth|session|config)\/\w+|(GET|POST) (\/(v1|internal)\/[\w/:]+|\(none\)))$/
      assert.notInclude(collector.raw(), "\\u001b")
      for (const { attributes, name, traceId } of collector.spans) {
        assert.match(name, closed)
        assert.match(traceId, /^[0-9a-f]{32}$/)
        // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is looked for
        for (const value of Object.values(attributes)) assert.notMatch(String(value), /["{}\u0000-\u001f]|.{300}/)
      }
    })
  )
})
