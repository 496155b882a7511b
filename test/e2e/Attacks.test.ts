/**
 * What a hostile client may try, over raw sockets. Meanwhile the gateway answers its probes, and afterwards it works.
 */
import * as Net from "node:net"
import { assert, layer } from "@effect/vitest"
import { Context, Duration, Effect, Layer } from "effect"
import * as RawHttp from "../support/RawHttp.ts"
import * as Probe from "./Probe.ts"
import { chat, content, internalStats, isBalanced, type Program, settled, start, text } from "./support.ts"

class Gateway extends Context.Tag("test/Gateway")<Gateway, Program>() {}

const hello = { model: "auto", messages: [{ role: "user", content: "[[emu interval=0 text=hello]]" }] }
const portOf = ({ base }: Program) => Number(new URL(base).port)
const get = (path: string, lines = "") => `GET ${path} HTTP/1.1\r\nhost: localhost\r\n${lines}\r\n`
const head = (lines: string) =>
  `POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n${lines}\r\n`
const times = <A>(n: number, f: (i: number) => A) => Array.from({ length: n }, (_, i) => f(i))

/** What a raw request is answered until the connection ends. */
const exchange = (port: number, request: string) =>
  Effect.scoped(
    Effect.gen(function* () {
      const peer = yield* RawHttp.connect(port)
      yield* peer.send(request)
      return yield* peer.closed
    })
  )
const exchanges = (port: number, requests: ReadonlyArray<string>) =>
  Effect.forEach(requests, (request) => exchange(port, request), { concurrency: 8 })

/** Sends and resets, without a look at the answer. */
const hitAndRun = (port: number, request: string) =>
  Effect.async<void>((resume) => {
    const socket = Net.connect({ port, host: "127.0.0.1" }, () => {
      socket.write(request, () => socket.resetAndDestroy())
    })
    socket.on("error", () => {}).on("close", () => resume(Effect.void))
  })

const statusOf = (answer: string) => Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])

interface Attack {
  readonly name: string
  readonly run: (program: Program, port: number) => Effect.Effect<void, unknown>
}

const attacks: ReadonlyArray<Attack> = [
  {
    name: "slow heads, slow bodies and connections that say nothing are cut, and take no slot",
    run: Effect.fnUntraced(function* (program, port) {
      const before = (yield* Effect.promise(() => internalStats(program))).concurrency.accepted_total
      const drip = (request: string) =>
        Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* RawHttp.connect(port)
            yield* peer.send(request)
            const dripping = yield* Effect.fork(Effect.forever(Effect.delay(peer.send("x"), "200 millis")))
            const answer = yield* peer.closed
            yield* dripping.interruptAsFork(dripping.id())
            return answer
          })
        )
      const kinds = ["", "GET /healthz HTTP/1.1\r\nhost: localhost\r\nx-slow: ", head("content-length: 1000\r\n")]
      const answers = yield* Effect.forEach(
        times(60, (i) => kinds[i % 3] ?? ""),
        (request) => (request === "" ? exchange(port, "") : drip(request)),
        { concurrency: "unbounded" }
      )
      for (const answer of answers) assert.strictEqual(statusOf(answer), 408, answer)
      const { concurrency } = yield* Effect.promise(() => internalStats(program))
      assert.strictEqual(concurrency.accepted_total, before)
    })
  },
  {
    name: "heads too large, and framing with two meanings, end the connection",
    run: Effect.fnUntraced(function* (_, port) {
      const smuggled = get("/smuggled")
      const framed: ReadonlyArray<readonly [string, number]> = [
        [get("/", `x: ${"y".repeat(20_000)}\r\n`), 431],
        [get("/", "x: y\r\n".repeat(150)), 431],
        [get(`/${"a".repeat(10_000)}`), 414],
        [`${head("content-length: 4\r\ntransfer-encoding: chunked\r\n")}0\r\n\r\n`, 400],
        [`${head("transfer-encoding: chunked\r\ncontent-length: 4\r\n")}0\r\n\r\n`, 400],
        [`${head("content-length: 4\r\ncontent-length: 5\r\n")}{}  `, 400],
        [`${head("transfer-encoding: xchunked\r\n")}0\r\n\r\n`, 400],
        [`${head("transfer-encoding: chunked, identity\r\n")}0\r\n\r\n`, 400],
        [`${head("transfer-encoding: chunked\r\n")}2;${"e".repeat(30_000)}\r\n{}\r\n0\r\n\r\n`, 400],
        [`${head("transfer-encoding: chunked\r\n")}2\n{}\n0\n\n`, 400],
        [get("/", " folded\r\n"), 400],
        ["GET / HTTP/1.1\nhost: localhost\n\n", 400],
        ["GET / HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400],
        ["GET / HTTP/1.1\r\n\r\n", 400],
        ["\0\0\0\0\r\n\r\n", 400]
      ]
      for (const [request, status] of framed) {
        const answer = yield* exchange(port, request + smuggled)
        assert.strictEqual(statusOf(answer), status, request.slice(0, 200))
        assert.notInclude(answer, "/smuggled")
        assert.match(answer, /connection: close/i)
        assert.isObject(JSON.parse(answer.slice(answer.indexOf("\r\n\r\n") + 4)).error)
      }
    })
  },
  {
    name: "bodies that are compressed, deep, wide, broken or no UTF-8 are refused, and nothing of them is told",
    run: Effect.fnUntraced(function* (program, port) {
      const MARK = "zebra-in-the-body"
      const post = (body: string, headers = {}) => RawHttp.post(body, { connection: "close", ...headers })
      const cases: ReadonlyArray<readonly [string, number]> = [
        [post(MARK, { "content-encoding": "gzip" }), 400],
        [post(MARK, { "content-encoding": "br, gzip" }), 415],
        [post(MARK, { "content-type": "text/plain" }), 415],
        [post(`${"[".repeat(200_000)}"${MARK}"`), 400],
        [post(`${'{"a":'.repeat(70)}"${MARK}"${"}".repeat(70)}`), 400],
        [post(`[${`"${MARK}",`.repeat(250_000)}0]`), 400],
        [post(`{${times(120_000, (i) => `"${i}":0`).join(",")}}`), 400],
        [post(`{"model":"auto","messages":"${MARK}`), 400],
        [post(`{"${MARK}": NaN}`), 400],
        [post(JSON.stringify({ ...hello, temperature: MARK })), 400],
        [post(JSON.stringify({ ...hello, messages: times(100_000, () => ({ role: MARK })) })), 400]
      ]
      for (const [request, status] of cases) {
        const answer = yield* exchange(port, request)
        assert.strictEqual(statusOf(answer), status, request.slice(0, 300))
        assert.notInclude(answer, MARK)
        assert.isBelow(answer.length, 2_000)
      }
      const cut = yield* Effect.promise(() =>
        fetch(`${program.base}/v1/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: Buffer.concat([
            Buffer.from(`{"model":"auto","x":"${MARK}`),
            Buffer.from([0xc3, 0x28]),
            Buffer.from('"}')
          ])
        })
      )
      assert.strictEqual(cut.status, 400)
      const polluted = `{"__proto__":{"stream":true,"polluted":1},"constructor":{"prototype":{"polluted":1}},${JSON.stringify(hello).slice(1)}`
      const answer = yield* exchange(port, post(polluted))
      assert.strictEqual(statusOf(answer), 200, answer)
      assert.match(answer, /content-type: application\/json/i)
      assert.notInclude(program.stdout() + program.stderr(), MARK)
    })
  },
  {
    name: "a body that is announced too large is not asked for, and cut where it comes anyway",
    run: Effect.fnUntraced(function* (_, port) {
      const huge = String(100 * 2 ** 20)
      const asked = yield* exchange(port, head(`content-length: ${huge}\r\nexpect: 100-continue\r\n`))
      assert.strictEqual(statusOf(asked), 413)
      assert.notInclude(asked, "100 Continue")
      assert.strictEqual(statusOf(yield* exchange(port, head(`content-length: ${huge}\r\n`))), 413)
      assert.strictEqual(statusOf(yield* exchange(port, head("expect: a-miracle\r\ncontent-length: 2\r\n"))), 417)
      const unknown = yield* exchange(port, head(`content-length: ${huge}\r\n`).replace("/v1/chat", "/v2/chat"))
      assert.strictEqual(statusOf(unknown), 404)
      assert.match(unknown, /connection: close/i)
    })
  },
  {
    name: "upgrades, tunnels and other protocols are refused, also by clients that reset at once",
    run: Effect.fnUntraced(function* (_, port) {
      const upgrade =
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
      const answer = yield* exchange(port, get("/v1/models", upgrade))
      assert.strictEqual(statusOf(answer), 400)
      assert.notInclude(answer, "101 Switching")
      const others = [
        "CONNECT evil.example:443 HTTP/1.1\r\nhost: evil.example\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "SSH-2.0-x\r\n"
      ]
      for (const other of others) assert.notMatch(yield* exchange(port, other), /^HTTP\/1\.1 [12]/)
      const bursts = [
        get("/", upgrade),
        get("/v1/models"),
        RawHttp.post({ ...hello, stream: true }),
        head("content-length: 99\r\n"),
        "GE"
      ]
      yield* Effect.forEach(
        times(300, (i) => bursts[i % 5] ?? ""),
        (request) => hitAndRun(port, request),
        {
          concurrency: 50
        }
      )
    })
  },
  {
    name: "pages of other sites and rebound names get nothing, and no header is taken for more than it is",
    run: Effect.fnUntraced(function* (program, port) {
      const close = "connection: close\r\n"
      const rebound = yield* exchange(port, `GET /v1/models HTTP/1.1\r\nhost: evil.example:${port}\r\n${close}\r\n`)
      assert.strictEqual(statusOf(rebound), 403)
      for (const host of [
        `localhost:${port}/#@x`,
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.1@evil",
        ""
      ]) {
        const answer = yield* exchange(port, `GET /internal/stats HTTP/1.1\r\nhost: ${host}\r\n${close}\r\n`)
        assert.strictEqual(statusOf(answer), 403, host)
      }
      const page = yield* exchange(port, get("/internal/stats", `origin: https://evil.example\r\n${close}`))
      assert.strictEqual(statusOf(page), 403)
      const paths = [
        "//internal/stats",
        "/internal//stats",
        "/Internal/stats",
        "/internal/stats/",
        "/x/../internal/stats",
        "/%69nternal/stats"
      ]
      for (const path of paths) {
        const answer = yield* exchange(port, get(path, `origin: https://evil.example\r\n${close}`))
        assert.include([403, 404], statusOf(answer), path)
      }
      const preflight = `OPTIONS /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\norigin: https://evil.example\r\naccess-control-request-method: POST\r\n${close}\r\n`
      assert.notMatch(yield* exchange(port, preflight), /access-control/i)
      for (const id of ['a"b', "a b", "<script>", "x".repeat(200), "a;b", "é"]) {
        const answer = yield* exchange(port, get("/healthz", `x-request-id: ${id}\r\n${close}`))
        assert.match(answer, /\r\nx-request-id: req-[0-9a-f]{12}\r\n/i)
        assert.match(answer, /\r\nx-content-type-options: nosniff\r\n/i)
        assert.match(answer, /\r\ncache-control: no-store\r\n/i)
      }
      assert.notInclude(program.stdout(), "<script>")
    })
  },
  {
    name: "a pipeline of thousands is answered in order, and reuse is safe after refusals and aborts",
    run: Effect.fnUntraced(function* (_, port) {
      const many = times(1_500, (i) => get(`/n${i}`)).join("")
      const answer = yield* exchange(port, `${many}${get("/last", "connection: close\r\n")}`)
      const seen = [...answer.matchAll(/GET \/(n\d+|last)/g)].map(([, path]) => path)
      assert.deepStrictEqual(seen, [...times(1_500, (i) => `n${i}`), "last"])
      yield* Effect.scoped(
        Effect.gen(function* () {
          const peer = yield* RawHttp.connect(port)
          for (const body of ["{", "[]", "{}", JSON.stringify({ ...hello, model: "nobody" })]) {
            const before = peer.text().length
            yield* peer.send(RawHttp.post(body))
            yield* Effect.repeat(Effect.yieldNow(), {
              until: () => peer.text().slice(before).includes('"error"')
            }).pipe(Effect.timeout("5 seconds"))
          }
          yield* peer.send(RawHttp.post(hello, { connection: "close" }))
          assert.include(yield* peer.closed, '"content":"hello"')
        })
      )
      // Floods the socket with requests and reads no answer.
      yield* Effect.scoped(
        Effect.gen(function* () {
          const peer = yield* RawHttp.connect(port)
          peer.socket.pause()
          yield* peer.send(get("/openapi.json").repeat(5_000))
          yield* Effect.sleep("1 second")
        })
      )
    })
  },
  {
    name: "a client that leaves with requests waiting behind its chat gives its slot back within a second",
    run: Effect.fnUntraced(function* (program, port) {
      const slow = { ...hello, messages: [{ role: "user", content: "[[emu first=12000 text=late]]" }] }
      const slots = (wanted: number) =>
        Effect.promise(() => internalStats(program)).pipe(
          Effect.zipLeft(Effect.sleep("10 millis")),
          Effect.repeat({ until: ({ concurrency }) => concurrency.in_flight === wanted }),
          Effect.timeout("5 seconds")
        )
      for (const stream of [false, true]) {
        for (const behind of [0, 1, 16, 64]) {
          for (const leave of ["destroy", "resetAndDestroy"] as const) {
            yield* Effect.scoped(
              Effect.gen(function* () {
                const peer = yield* RawHttp.connect(port)
                yield* peer.send(RawHttp.post({ ...slow, stream }) + get("/healthz").repeat(behind))
                yield* slots(1)
                yield* Effect.sync(() => peer.socket[leave]())
                const [taken] = yield* Effect.timed(slots(0))
                assert.isBelow(Duration.toMillis(taken), 1_000, `${leave} with ${behind} behind`)
              })
            )
          }
        }
      }
    })
  },
  {
    name: "a client that ends its side after its request gets the whole answer",
    run: Effect.fnUntraced(function* (_, port) {
      const late = { ...hello, messages: [{ role: "user", content: "[[emu first=400 text=hello]]" }] }
      for (const body of [hello, late, { ...hello, stream: true }, { ...late, stream: true }]) {
        const answer = yield* Effect.scoped(
          Effect.gen(function* () {
            const peer = yield* RawHttp.connect(port)
            yield* Effect.sync(() => peer.socket.end(RawHttp.post(body)))
            return yield* peer.closed
          })
        )
        assert.match(answer, /^(HTTP\/1\.1 100 Continue\r\n\r\n)*HTTP\/1\.1 200 OK\r\n/)
        assert.match(answer, "stream" in body ? /\[DONE\]\n\n\r\n0\r\n\r\n$/ : /"content":"hello"[\s\S]*\}$/)
      }
    })
  },
  {
    name: "strange methods, paths and models make no series",
    run: Effect.fnUntraced(function* (program, port) {
      const series = Effect.promise(async () => {
        const lines = (await (await fetch(`${program.base}/metrics`)).text()).split("\n")
        return lines.filter((line) => line !== "" && !line.startsWith("#")).length
      })
      yield* exchanges(port, [get("/a", "connection: close\r\n"), RawHttp.post(hello, { connection: "close" })])
      const before = yield* series
      const strange = times(150, (i) => [
        `${["PURGE", "M-SEARCH", "REPORT", "LINK"][i % 4]} /p${i} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n`,
        get(`/v1/models/m${i}"}\\n`, "connection: close\r\n"),
        RawHttp.post({ ...hello, model: `m${i}` }, { connection: "close" })
      ]).flat()
      yield* exchanges(port, strange)
      assert.isAtMost(yield* series, before + 60)
    })
  }
]

const environment = {
  GATEWAY_HEADERS_TIMEOUT_SEC: "1",
  GATEWAY_REQUEST_TIMEOUT_SEC: "2",
  GATEWAY_MAX_IN_FLIGHT: "64"
}

layer(Layer.scoped(Gateway, start(environment)), { timeout: "60 seconds", excludeTestServices: true })(
  "under attack",
  (it) => {
    for (const { name, run } of attacks) {
      it.effect(name, () =>
        Effect.gen(function* () {
          const program = yield* Gateway
          const [, seen] = yield* Probe.during(program, run(program, portOf(program)))
          assert.isTrue(Probe.isAlive(seen), JSON.stringify(seen))
          assert.strictEqual(
            content(yield* text(yield* chat(program, "[[emu interval=0 text=hello]]", { stream: true }))),
            "hello"
          )
          assert.isTrue(isBalanced(yield* settled(program)))
        })
      )
    }

    it.effect("and when nobody takes its log", () =>
      Effect.gen(function* () {
        const program = yield* Gateway
        yield* Effect.sync(() => program.child.stdout?.destroy())
        const answers = yield* exchanges(
          portOf(program),
          times(50, () => RawHttp.post(hello, { connection: "close" }))
        )
        for (const answer of answers) assert.strictEqual(statusOf(answer), 200)
        assert.strictEqual(program.child.exitCode, null)
      })
    )
  }
)
