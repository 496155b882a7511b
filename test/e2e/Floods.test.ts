import { assert, describe, it } from "@effect/vitest"
import { Effect, Schedule } from "effect"
import * as Floods from "./floods.ts"
import * as Probe from "./Probe.ts"
import { chat, isBalanced, type Program, settled, start, text } from "./support.ts"

const warm = (program: Program) =>
  Effect.forEach(
    Array.from({ length: 40 }),
    () => Effect.flatMap(chat(program, "[[emu interval=0 text=warm]]"), text),
    {
      concurrency: 8,
      discard: true
    }
  )

const seen = (name: string, figures: object) => process.stdout.write(`${name} ${JSON.stringify(figures)}\n`)

describe("a flood", () => {
  it.scopedLive(
    "is borne: memory and descriptors come back, and probes are answered meanwhile",
    () =>
      Effect.gen(function* () {
        const program = yield* start({
          GATEWAY_MAX_IN_FLIGHT: "1000",
          GATEWAY_HEADERS_TIMEOUT_SEC: "2",
          GATEWAY_REQUEST_TIMEOUT_SEC: "20"
        })
        yield* warm(program)
        yield* Floods.parallel(program, 50)
        yield* settled(program)
        const before = Floods.held(program)
        const flood = <A, E>(name: string, growthMiB: number, work: Effect.Effect<A, E>) =>
          Effect.gen(function* () {
            const atFirst = Floods.resident(program)
            const [{ mostMiB, result }, health] = yield* Probe.during(program, Floods.peak(program, work))
            seen(name, { atFirst, mostMiB, ...health, result })
            assert.isTrue(Probe.isAlive(health), name)
            assert.isAtMost(mostMiB, atFirst + growthMiB, name)
            return result
          })

        const ends = yield* flood("1,000 streams", 200, Floods.parallel(program, 1_000))
        assert.deepInclude(ends, { whole: 1_000, mixed: 0 })
        const { cancelled_total: earlier } = yield* settled(program)
        yield* flood("8 stalled readers", 120, Floods.stalled(program, 8))
        assert.strictEqual((yield* settled(program)).cancelled_total, earlier + 8)
        const closed = yield* flood(
          "4,000 idle connections",
          200,
          Effect.promise(() => Floods.idle(program, 4_000))
        )
        assert.strictEqual(closed, 4_000)
        const statuses = yield* flood(
          "100 MiB bodies",
          96,
          Effect.promise(() =>
            Promise.all([Floods.giant(program, 100, "length"), Floods.giant(program, 100, "chunked")])
          )
        )
        assert.deepStrictEqual(statuses, [413, 413])
        assert.isTrue(isBalanced(yield* settled(program)))
        seen("back", yield* Floods.returned(program, before))
      }),
    { timeout: 150_000 }
  )

  it.scopedLive("of bodies without a key is not read", () =>
    Effect.gen(function* () {
      const program = yield* start({ API_KEYS: "sk-flood-0123456789abcdef" })
      const before = Floods.held(program)
      const { mostMiB, result } = yield* Floods.peak(
        program,
        Effect.promise(() => Promise.all([Floods.giant(program, 100, "length"), Floods.giant(program, 100, "chunked")]))
      )
      assert.deepStrictEqual(result, [401, 401])
      assert.isAtMost(mostMiB, before.residentMiB + 96)
      yield* Floods.returned(program, before)
    })
  )

  it.scopedLive("of one-byte chunks costs no more than their content, and is refused", () =>
    Effect.gen(function* () {
      const program = yield* start()
      yield* warm(program)
      const before = Floods.resident(program)
      const { mostMiB, result } = yield* Floods.peak(
        program,
        Effect.promise(() => Promise.all([11_400_000, 11_400_000].map((bytes) => Floods.crumbs(program, bytes))))
      )
      seen("one-byte chunks", { before, mostMiB, result })
      assert.deepStrictEqual(result, [400, 400])
      assert.isAtMost(mostMiB, before + 96)
    })
  )

  it.scopedLive(
    "of bodies that are never finished takes one key's share of memory, and keeps nobody else out",
    () =>
      Effect.gen(function* () {
        const [mine, other] = ["sk-flood-0123456789abcdef", "sk-other-0123456789abcdef"]
        const program = yield* start({ API_KEYS: `${mine},${other}` })
        const asked = (key: string | undefined, prompt: string) =>
          Effect.map(
            chat(
              program,
              prompt,
              {},
              { headers: { "content-type": "application/json", authorization: `Bearer ${key}` } }
            ),
            ({ status }) => status
          )
        const large = `[[emu interval=0 text=hello]]${"x".repeat(2 << 20)}`
        assert.strictEqual(yield* asked(other, large), 200)
        const before = Floods.held(program)
        yield* Effect.scoped(
          Effect.gen(function* () {
            const { mostMiB, result } = yield* Floods.peak(program, Floods.unfinished(program, 60, 31, mine ?? ""))
            seen("unfinished bodies", { before, mostMiB, statuses: result.statuses })
            assert.isAtLeast(result.statuses[429] ?? 0, 50)
            assert.isAtMost(mostMiB, before.residentMiB + 128 + 160)
            assert.strictEqual(yield* asked(mine, "[[emu interval=0 text=hello]]"), 200)
            assert.strictEqual(yield* asked(other, large), 200)
          })
        )
        const none = /^gateway_body_bytes 0$/m
        yield* Effect.promise(() =>
          fetch(`${program.base}/metrics`, { headers: { authorization: `Bearer ${mine}` } }).then((r) => r.text())
        ).pipe(Effect.repeat({ until: (text) => none.test(text) }), Effect.timeout("10 seconds"))
      }),
    { timeout: 90_000 }
  )

  it.scopedLive(
    "of answers that nobody reads keeps nobody out, and ends no chat",
    () =>
      Effect.gen(function* () {
        const program = yield* start({ GATEWAY_MAX_CONNECTIONS: "30" })
        const running = yield* chat(program, "[[emu tokens=100000 interval=20]]", { stream: true })
        yield* Floods.unread(program, 33)
        const answers = () => program.stdout().split("/openapi.json").length - 1
        // As many as the kernel holds; each connection waits for its reader then.
        let before = -1
        yield* Effect.suspend(() => {
          before = answers()
          return Effect.sleep("1 second")
        }).pipe(
          Effect.repeat({ until: () => answers() === before && before >= 30 * 5 }),
          Effect.timeout("25 seconds"),
          Effect.orDie
        )
        // Sooner than readers that do not read are cut anyway.
        yield* Effect.tryPromise(async () => {
          const response = await fetch(`${program.base}/healthz`, { headers: { connection: "close" } })
          await response.text()
        }).pipe(Effect.repeat(Schedule.recurs(5)), Effect.timeout("5 seconds"))
        const reader = running.body?.getReader()
        const first = yield* Effect.promise(async () => reader?.read())
        assert.isFalse(first?.done)
        yield* Effect.promise(async () => reader?.cancel())
      }),
    { timeout: 60_000 }
  )
})
