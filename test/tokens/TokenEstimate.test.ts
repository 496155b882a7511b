import { createHash } from "node:crypto"
import { assert, describe, it } from "@effect/vitest"
import { FastCheck } from "effect"
import * as TokenEstimate from "../../src/tokens/TokenEstimate.ts"

const text = FastCheck.oneof(
  FastCheck.string({ unit: "binary" }),
  FastCheck.string({ unit: "grapheme" }),
  FastCheck.string(),
  FastCheck.array(
    FastCheck.constantFrom("ab", "Ab", "A", "é", "12", " ", "\n", "\t", "==", "{", "中文", "，", "😀", "\ud83d", "ж"),
    {
      maxLength: 40
    }
  ).map((pieces) => pieces.join(""))
)
const cuts = FastCheck.array(FastCheck.nat(60), { maxLength: 6 })

const split = (whole: string, at: ReadonlyArray<number>) => {
  const places = [0, ...[...at].sort((a, b) => a - b), Math.max(whole.length, 60)]
  return places.slice(1).map((place, i) => whole.slice(places[i], place))
}

// Counted with Qwen3's own vocabulary.
const counted: ReadonlyArray<readonly [name: string, tokens: number, text: string]> = [
  [
    "English prose",
    121,
    `The gateway keeps a bounded number of requests in flight and lets the others wait in a queue. When a place becomes free, it goes straight to the request that has waited longest, so nobody can overtake. A request that waits too long is refused, and the answer tells when it makes sense to try again. If the client leaves while it waits, it is simply forgotten; if it leaves in the middle of an answer, the turn is cancelled upstream and counted as cancelled, not as a failure. None of this needs any attention from the operator, but every number can be read from the metrics.`
  ],
  [
    "Chinese prose",
    106,
    `网关会限制同时处理的请求数量，其余的请求在队列中等待。一旦有空闲的位置，就会立刻交给等待时间最长的请求，因此不会有人插队。等待太久的请求会被拒绝，并且会告诉客户端什么时候再试比较合适。如果客户端在排队时离开，它就会被忘记；如果在回答的过程中离开，这一轮对话会被取消，并计为取消，而不是失败。运维人员不需要做任何事情，但是所有的数字都可以在监控里看到。`
  ],
  [
    "code",
    133,
    `export const pick = (candidates: ReadonlyArray<Candidate>, turn: number): Candidate | undefined => {
  const ready = candidates.filter((candidate) => candidate.ready)
  if (ready.length === 0) {
    return candidates[turn % candidates.length]
  }
  let best: Candidate | undefined
  for (const candidate of ready) {
    // The first one wins when two of them carry the same load.
    if (best === undefined || candidate.inFlight < best.inFlight) {
      best = candidate
    }
  }
  console.log(\`picked \${best?.id} out of \${ready.length}\`)
  return best
}
`
  ],
  [
    "indented JSON",
    271,
    JSON.stringify(
      ["inst-0", "inst-1", "inst-2"].map((name, i) => ({
        name,
        state: i === 1 ? "reconnecting" : "ready",
        in_flight: i * 7,
        logged_in: true,
        last_error: null,
        models: ["auto", "dashscope_qwen3_coder", "dashscope_qwen_max_latest"],
        started_at: 1732233600 + i
      })),
      null,
      2
    )
  ],
  [
    "Markdown",
    133,
    `## Quick start\n\n1. Install the package: \`npm install lingma-gateway\`\n2. Start it with your account:\n\n\`\`\`sh\nexport LINGMA_USERNAME=me@example.com\nnpx lingma-gateway start --port 8370\n\`\`\`\n\n| variable | default | note |\n| --- | --- | --- |\n| \`GATEWAY_PORT\` | 8370 | where it listens |\n| \`API_KEYS\` | none | comma separated |\n\n- **Streaming** works with every client that speaks *server-sent events*.\n- See [the documents](https://example.com/docs/operations) for more.\n`
  ],
  [
    "log lines",
    387,
    Array.from(
      { length: 8 },
      (_, i) =>
        `2026-03-0${i + 1}T12:3${i}:05.${120 + i}Z INFO request=req_${7000 + i * 13} instance=inst-${i % 3} status=200 duration=${i * 37 + 5}ms`
    ).join("\n")
  ],
  [
    "base64",
    379,
    Buffer.concat(Array.from({ length: 6 }, (_, i) => createHash("sha512").update(`${i}`).digest())).toString("base64")
  ]
]

describe("TokenEstimate", () => {
  it.prop("does not depend on how a text is split, not even inside a character", [text, cuts], ([whole, at]) => {
    const counter = TokenEstimate.counter()
    for (const part of split(whole, at)) counter.add(part)
    assert.strictEqual(counter.total(), TokenEstimate.estimate(whole))
  })

  it.prop("never falls as text is added", [text, text], ([first, second]) => {
    const counter = TokenEstimate.counter()
    counter.add(first)
    const before = counter.total()
    counter.add(second)
    assert.isAtLeast(counter.total(), before)
  })

  it.prop("is a whole number, zero for nothing alone", [text], ([some]) => {
    const tokens = TokenEstimate.estimate(some)
    assert.isTrue(Number.isInteger(tokens))
    assert.strictEqual(tokens === 0, some === "" || some === " ")
  })

  for (const [name, tokens, sample] of counted) {
    it(`comes within a tenth of the vocabulary's count for ${name}`, () => {
      assert.approximately(TokenEstimate.estimate(sample), tokens, tokens / 10)
    })
  }

  const long = counted.map(([, , sample]) => sample.repeat(60)).join("\n")

  it.prop(
    "does not depend on how a long text is split",
    [FastCheck.array(FastCheck.nat(long.length), { maxLength: 30 })],
    ([at]) => {
      const counter = TokenEstimate.counter()
      for (const part of split(long, at)) counter.add(part)
      assert.strictEqual(counter.total(), TokenEstimate.estimate(long))
    }
  )

  it("comes close for a long text, of which it reads a part", () => {
    const whole = counted.reduce((sum, [, , sample]) => sum + 60 * TokenEstimate.estimate(sample), 0)
    assert.isAbove(long.length, 200_000)
    assert.approximately(TokenEstimate.estimate(long), whole, whole / 20)
    const even = counted[0]![2].repeat(2000)
    assert.approximately(TokenEstimate.estimate(even), 2000 * TokenEstimate.estimate(counted[0]![2]), 2000)
  })

  it("takes linear time on runs without a boundary", () => {
    for (const part of ["a", "A", "aB3", "中", "=", " ", "\n", "😀", "\ud83d"]) {
      const began = performance.now()
      TokenEstimate.estimate(part.repeat(1_000_000))
      assert.isBelow(performance.now() - began, 2000, part)
    }
  })
})
