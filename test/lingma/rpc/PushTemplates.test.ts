import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as Pushes from "../../../src/lingma/rpc/Pushes.ts"
import * as PushTemplates from "../../../src/lingma/rpc/PushTemplates.ts"

const key = "ai-coding/request-id"

interface Said {
  readonly turn: number
  readonly kind: string
  readonly text: string
}

/** As `session/update` comes, with the turn named before its text or behind it. */
const update = (named: "before" | "behind", { kind, text, turn }: Said) => {
  const content = { sessionUpdate: kind, content: { type: "text", text } }
  const _meta = { [key]: `request-${turn}` }
  const params = named === "before" ? { _meta, update: content } : { update: content, _meta }
  return { jsonrpc: "2.0", method: "session/update", params }
}

/** As `chat/answer` comes; `more` makes each another one. */
const answer = ({ kind, text, turn }: Said, more: object) => ({
  method: kind,
  params: { requestId: `request-${turn}`, sessionId: "s", text, overwrite: false, ...more }
})

const escapeAll = (json: string) =>
  json.replace(/[^\0-\x7f]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`)

/** Reads bodies as `Subscribers` does; gives the text of each by turn, and counts what was known. */
const reader = () => {
  let known = 0
  let heard = ""
  const repeats = PushTemplates.make<string>((hearer, text) => {
    known++
    heard = `${hearer}: ${text}`
  })
  const parsed = (body: string) => {
    const { method, params } = JSON.parse(body)
    const read = Pushes.read(method, params)
    if (read?._tag !== "Event" || !("text" in read.event)) return undefined
    const { requestId } = Pushes.addressOf(params)
    return { requestId: requestId!, hearer: `${requestId} ${read.event._tag}`, text: read.event.text }
  }
  return {
    repeats,
    known: () => known,
    parsed: (body: string) => {
      const found = parsed(body)
      return found && `${found.hearer}: ${found.text}`
    },
    read: (body: string) => {
      if (repeats.hear(body)) return heard
      const found = parsed(body)
      if (found === undefined) return undefined
      if (repeats.wants(found.requestId)) repeats.learn(found.requestId, body, found.text, found.hearer)
      return `${found.hearer}: ${found.text}`
    }
  }
}

const said = FastCheck.record({
  turn: FastCheck.nat({ max: 2 }),
  kind: FastCheck.constantFrom("agent_message_chunk", "agent_thought_chunk"),
  text: FastCheck.oneof(
    FastCheck.string({
      unit: FastCheck.constantFrom("a", `"`, "\\", "\n", "你", "\ud83d", ",", "{", `"text":"`),
      maxLength: 6
    }),
    FastCheck.constantFrom(`","x":"`, `"text":"`, "request-1", "")
  )
})

describe("PushTemplates", () => {
  it("gives what parsing gives, whatever is said in whatever order and spelling", () => {
    const shape = FastCheck.constantFrom(
      (one: Said) => JSON.stringify(update("before", one)),
      (one: Said) => JSON.stringify(update("behind", one)),
      (one: Said) => escapeAll(JSON.stringify(update("before", one))),
      (one: Said) => JSON.stringify(update("before", one), undefined, 1),
      (one: Said) => JSON.stringify(answer({ ...one, kind: "chat/answer" }, {})),
      (one: Said) => JSON.stringify(answer({ ...one, kind: "chat/think" }, { text: "twice", late: one.text }))
    )
    const bodies = FastCheck.array(
      FastCheck.tuple(shape, FastCheck.array(said, { maxLength: 12 })).map(([write, all]) => all.map(write))
    )
    FastCheck.assert(
      FastCheck.property(bodies, (parts) => {
        const { parsed, read } = reader()
        for (const body of parts.flat()) assert.strictEqual(read(body), parsed(body))
      }),
      { numRuns: 2000 }
    )
  })

  it("knows a push again by all but its text, with its turn named on either side of it", () => {
    for (const named of ["before", "behind"] as const) {
      const { known, read } = reader()
      const texts = ["Hel", "lo", `"quoted"`, "\n", "你好", "", "\\"]
      for (const text of texts) {
        for (const turn of [1, 2]) read(JSON.stringify(update(named, { turn, kind: "agent_message_chunk", text })))
      }
      assert.strictEqual(known(), (texts.length - 1) * 2, named)
    }
  })

  it("does not take for a text what only begins and ends as one", () => {
    const { known, read } = reader()
    const body = JSON.stringify(update("before", { turn: 1, kind: "agent_message_chunk", text: "x" }))
    read(body)
    assert.strictEqual(read(body.replace(`"x"`, `"x","also":"y"`)), "request-1 TextDelta: x")
    assert.strictEqual(known(), 0)
    for (const broken of [body.replace(`"x"`, `"x""`), body.replace(`"x"`, `"`), body.replace(`"x"`, `"\u0001"`)]) {
      assert.throws(() => read(broken), SyntaxError)
    }
  })

  it("learns nothing where there are two texts", () => {
    const { known, parsed, read } = reader()
    const both = (text: string, other: string) => {
      const { params } = update("before", { turn: 1, kind: "agent_message_chunk", text: other })
      return JSON.stringify({ method: "session/update", params: { text, ...params } })
    }
    for (const body of [both("a", "a"), both("b", "a"), both("b", "c")]) {
      assert.strictEqual(read(body), parsed(body))
    }
    assert.strictEqual(known(), 0)
  })

  it("leaves a turn alone whose pushes never repeat, and forgets one that is over", () => {
    const { known, read, repeats } = reader()
    const stamped = (text: string, timestamp: number) =>
      JSON.stringify(answer({ turn: 1, kind: "chat/answer", text }, { timestamp }))
    for (let n = 0; n < 20; n++) read(stamped("a", n))
    read(stamped("b", 19))
    assert.strictEqual(known(), 0)
    repeats.forget("request-1")
    read(stamped("a", 20))
    read(stamped("b", 20))
    assert.strictEqual(known(), 1)
    repeats.forget("request-1")
    assert.isFalse(repeats.hear(stamped("c", 20)))
  })
})
