/** Calls at the end of thoughts that nothing follows, in whatever way the thoughts come and however they were cut. */
import { assert, describe, it } from "@effect/vitest"
import { type ChatEvent, type FinishReason, finish, textDelta, thoughtDelta } from "../../src/domain/Chat.ts"
import type { TurnError } from "../../src/domain/ChatError.ts"
import * as ReplyPipeline from "../../src/textonly/ReplyPipeline.ts"
import { tool, toolset } from "./scan/Scan.ts"

const edit = tool("edit", { path: { type: "string" } })
const call = "<tool_call>\n<function=edit>\n<parameter=path>\na.txt\n</parameter>\n</function>\n</tool_call>"

const hear = (events: ReadonlyArray<ChatEvent>, reason: FinishReason = "stop", tools = toolset([edit])) => {
  const heard: Array<ChatEvent> = []
  let failure: TurnError | undefined
  const reply = ReplyPipeline.make(
    {
      toolset: tools,
      format: { type: "text" },
      stop: [],
      maxTokens: undefined,
      whole: false,
      grammar: "xml",
      newCounter: () => assert.fail("nothing is counted")
    },
    {
      event: (event) => heard.push(event),
      certain: () => {},
      fault: () => false,
      fail: (error) => {
        failure = error
      },
      finish: (event) => heard.push(event)
    }
  )
  for (const event of events) reply.push(event)
  reply.push(finish(reason))
  const end = heard.at(-1)
  return {
    calls: heard.flatMap(
      (event): ReadonlyArray<ReadonlyArray<string>> =>
        event._tag === "ToolCall" || event._tag === "ToolCallEnd" ? [[event.call.name, event.call.arguments]] : []
    ),
    end: failure?._tag ?? (end?._tag === "Finish" ? end.reason : undefined)
  }
}

const every = (thoughts: string, calls: Array<Array<string>>, rest: ReadonlyArray<ChatEvent> = []) => {
  const end = calls.length > 0 ? "tool_calls" : rest.length > 0 ? "stop" : "EmptyAnswer"
  const expected = { calls, end } as const
  for (let at = 0; at <= thoughts.length; at++) {
    const [a, b] = [thoughts.slice(0, at), thoughts.slice(at)]
    assert.deepStrictEqual(hear([thoughtDelta(a), thoughtDelta(b), ...rest]), expected, `cut at ${at}`)
    assert.deepStrictEqual(hear([textDelta(`<think>${a}`), textDelta(b), textDelta("</think>\n"), ...rest]), expected)
    if (rest.length === 0) assert.deepStrictEqual(hear([textDelta(`<think>${a}`), textDelta(b)]), expected)
  }
}

describe("ReplyPipeline", () => {
  it("takes a call at the end of thoughts that nothing follows", () => {
    every(`I should edit it.\n${call}`, [["edit", '{"path":"a.txt"}']])
    every(`Both.\n${call}\n${call.replace("a.txt", "b.txt")}\n`, [
      ["edit", '{"path":"a.txt"}'],
      ["edit", '{"path":"b.txt"}']
    ])
  })

  it("leaves a call in thoughts alone that text or further thoughts follow, that is code, or of another tool", () => {
    every(`Hm.\n${call}`, [], [textDelta("Done.")])
    assert.deepStrictEqual(hear([thoughtDelta("Hm."), textDelta("Done."), thoughtDelta(call)]).calls, [])
    every(`Hm.\n${call}\nBut first I look.`, [])
    every(`Hm: \`${call.replaceAll("\n", "")}\``, [])
    every(`Hm.\n${call.replace("edit", "drop")}`, [])
  })

  it("takes no call of thoughts that a limit cut, nor one beside a call of the answer, nor where none is wanted", () => {
    const thoughts = thoughtDelta(`Hm.\n${call}`)
    assert.deepStrictEqual(hear([thoughts], "length"), { calls: [], end: "length" })
    assert.lengthOf(hear([thoughts, textDelta(call)]).calls, 1)
    assert.deepStrictEqual(hear([thoughts], "stop", toolset([edit], { choice: "none" })).calls, [])
  })
})
