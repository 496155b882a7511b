import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import type { ResponseObject } from "../../../../src/http/dialects/responses/Resource.ts"
import * as Grammar from "../../../support/ResponsesGrammar.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

/** One answer whole and one streamed, over a model that says a text. */
const both = Effect.fnUntraced(function* (body: object, said: string) {
  const scripted = TestBackend.make(TestBackend.say(said))
  const { request } = yield* TestGateway.serve(scripted)
  const post = (more: object) =>
    request("/v1/responses", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "auto", input: "hi", ...body, ...more })
    })
  const whole = yield* post({})
  assert.strictEqual(whole.status, 200, whole.text)
  const { text } = yield* post({ stream: true })
  const events = Grammar.frames(text)
  const plain = ({ output }: ResponseObject): ReadonlyArray<object> => output.map(({ id: _, ...item }) => item)
  const output = plain(whole.json as unknown as ResponseObject)
  assert.deepStrictEqual(withoutIds(plain(Grammar.read(events))), withoutIds(output))
  return {
    output,
    events,
    prompt: scripted.asks[0]?.prompt ?? "",
    ignored: whole.headers.get("x-lingma-ignored-params")
  }
})

const withoutIds = (items: ReadonlyArray<object>) => items.map((item) => ({ ...item, call_id: "" }))

const call = (name: string, args: Readonly<Record<string, string>>) =>
  [
    "<tool_call>",
    `<function=${name}>`,
    ...Object.entries(args).flatMap(([key, value]) => [`<parameter=${key}>`, value, "</parameter>"]),
    "</function>",
    "</tool_call>"
  ].join("\n")

const done = { status: "completed" }

describe("a tool that has a kind in place of a name, at /v1/responses", () => {
  it.scopedLive("local_shell is called as a local_shell_call", () =>
    Effect.gen(function* () {
      const said = call("local_shell", { command: '["ls", "-l"]', working_directory: "/tmp", timeout_ms: "500" })
      const { ignored, output, prompt } = yield* both({ tools: [{ type: "local_shell" }] }, said)
      const action = { type: "exec", command: ["ls", "-l"], env: {}, timeout_ms: 500, working_directory: "/tmp" }
      assert.deepInclude(output[0], { ...done, type: "local_shell_call", action })
      assert.include(prompt, '"name":"local_shell"')
      assert.isNull(ignored)
    })
  )

  it.scopedLive("shell is called as a shell_call, whose commands are told one by one", () =>
    Effect.gen(function* () {
      const environment = { type: "local", skills: [{ name: "csv", description: "reads tables", path: "/skills/csv" }] }
      const said = call("shell", { commands: '["ls", "cat a > b"]', max_output_length: "90" })
      const { events, output, prompt } = yield* both({ tools: [{ type: "shell", environment }] }, said)
      const action = { commands: ["ls", "cat a > b"], timeout_ms: null, max_output_length: 90 }
      assert.deepInclude(output[0], { ...done, type: "shell_call", action, environment: { type: "local" } })
      assert.include(prompt, "csv at /skills/csv : reads tables")
      assert.deepStrictEqual(
        events.flatMap((event) => (event.type.includes("shell_call_command") ? [event.type.split(".").at(-1)] : [])),
        ["added", "delta", "done", "added", "delta", "done"]
      )
    })
  )

  it.scopedLive("apply_patch is called as an apply_patch_call, which names its file from its beginning", () =>
    Effect.gen(function* () {
      const diff = "@@\n-a < b\n+a > b"
      const said = [
        call("apply_patch", { type: "update_file", path: "src/a.ts", diff }),
        call("apply_patch", { type: "delete_file", path: "old.ts" })
      ].join("\n")
      const { events, output } = yield* both({ tools: [{ type: "apply_patch" }] }, said)
      assert.deepInclude(output[0], {
        ...done,
        type: "apply_patch_call",
        operation: { type: "update_file", path: "src/a.ts", diff }
      })
      assert.deepInclude(output[1], { ...done, operation: { type: "delete_file", path: "old.ts" } })
      const [began] = events.flatMap((event) =>
        event.type === "response.output_item.added" && "item" in event ? [event.item] : []
      )
      assert.deepInclude(began, {
        status: "in_progress",
        operation: { type: "update_file", path: "src/a.ts", diff: "" }
      })
    })
  )

  it.scopedLive("is required where its kind is chosen", () =>
    Effect.gen(function* () {
      const tools = [{ type: "shell" }, { type: "apply_patch" }]
      const { prompt } = yield* both({ tools, tool_choice: { type: "shell" } }, call("shell", { commands: '["ls"]' }))
      assert.include(prompt, 'you must call the tool "shell"')
    })
  )

  it.scopedLive("is read back from the history, each call with what came of it", () =>
    Effect.gen(function* () {
      const input = [
        { role: "user", content: "go" },
        {
          type: "local_shell_call",
          id: "lsh_1",
          call_id: "c1",
          status: "completed",
          action: { type: "exec", command: ["ls"], env: {}, timeout_ms: null }
        },
        { type: "local_shell_call_output", id: "lsh_1", output: "one.txt" },
        { type: "shell_call", call_id: "c2", action: { commands: ["make"] }, environment: null },
        {
          type: "shell_call_output",
          call_id: "c2",
          output: [
            { stdout: "built", stderr: "warned", outcome: { type: "exit", exit_code: 3 } },
            { stdout: "", stderr: "", outcome: { type: "timeout" } }
          ]
        },
        {
          type: "apply_patch_call",
          call_id: "c3",
          status: "completed",
          operation: { type: "create_file", path: "b.ts", diff: "+x" }
        },
        { type: "apply_patch_call_output", call_id: "c3", status: "failed", output: "no such folder" }
      ]
      const tools = [{ type: "local_shell" }, { type: "shell" }, { type: "apply_patch" }]
      const { ignored, prompt } = yield* both({ input, tools }, "well")
      for (const text of [
        '<parameter=command>\n["ls"]\n</parameter>',
        "one.txt",
        '<parameter=commands>\n["make"]\n</parameter>',
        "built\n[stderr]\nwarned\n[exit code 3]\n\n[timed out]",
        "<parameter=path>\nb.ts\n</parameter>",
        "failed: no such folder"
      ])
        assert.include(prompt, text)
      // Each result is told with the name of its tool: the call of it was found.
      for (const name of ["local_shell", "shell", "apply_patch"]) assert.include(prompt, `name="${name}" nonce`)
      assert.isNull(ignored)
    })
  )
})
