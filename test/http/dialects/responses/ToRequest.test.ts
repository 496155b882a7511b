import { assert, describe, it } from "@effect/vitest"
import { Either, FastCheck as fc, Option, Schema } from "effect"
import * as Decode from "../../../../src/http/chat/Decode.ts"
import * as Items from "../../../../src/http/dialects/responses/Items.ts"
import * as Resource from "../../../../src/http/dialects/responses/Resource.ts"
import { ResponsesRequest } from "../../../../src/http/dialects/responses/request/Payload.ts"
import * as ToRequest from "../../../../src/http/dialects/responses/ToRequest.ts"

const nothing: ToRequest.Past = {
  items: () => undefined,
  conversation: () => undefined,
  item: () => undefined
}
const image = { mediaType: "image/png", data: "aGk=" }

const read = (body: object, past: ToRequest.Past = nothing) => {
  const payload = Schema.decodeUnknownSync(ResponsesRequest)({ model: "auto", ...body })
  return Either.flatMap(ToRequest.toTurn(payload, past), (turn) => {
    // Every picture is the same: where they are found is what matters.
    const pictures = new Map(Items.links(turn).map(({ param }) => [param, image]))
    return ToRequest.toRequest({ payload, turn, pictures, sessionId: undefined })
  })
}
const request = (body: object, past?: ToRequest.Past) => Either.getOrThrow(read(body, past)).request
const messages = (...input: ReadonlyArray<unknown>) => request({ input }).messages

const complaint = (body: object, past?: ToRequest.Past) => {
  const failed = Either.flip(read({ input: "hi", ...body }, past))
  const {
    body: { error },
    status
  } = Either.getOrThrow(failed)
  return [status, error.code, error.param]
}

const plain = { images: [], toolCalls: [], toolCallId: undefined }

describe("an input", () => {
  it("may be a text, after instructions", () => {
    assert.deepStrictEqual(request({ input: "hi", instructions: "be brief" }).messages, [
      { ...plain, role: "system", text: "be brief" },
      { ...plain, role: "user", text: "hi" }
    ])
  })

  it("takes every kind of item, and joins a turn's calls to what was said with them", () => {
    const list = messages(
      { role: "developer", content: "be brief" },
      { type: "message", role: "system", content: [{ type: "input_text", text: "and kind" }] },
      {
        role: "user",
        content: [
          { type: "input_text", text: "a" },
          { type: "input_image", image_url: "data:image/png;base64,aGk=", detail: "auto" },
          { type: "input_text", text: "b", prompt_cache_breakpoint: {} }
        ]
      },
      { type: "reasoning", id: "rs_1", summary: [{ type: "summary_text", text: "hm" }], encrypted_content: null },
      {
        type: "message",
        id: "msg_1",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text: "let me look", annotations: [], logprobs: [] }]
      },
      { type: "function_call", id: "fc_1", call_id: "c1", name: "f", arguments: "{}", status: "completed" },
      { type: "custom_tool_call", call_id: "c2", name: "g", input: "free" },
      { type: "function_call_output", call_id: "c1", output: "done" },
      {
        type: "custom_tool_call_output",
        call_id: "c2",
        output: [
          { type: "input_text", text: "seen" },
          { type: "input_image", image_url: "data:image/png;base64,aGk=" }
        ]
      },
      { type: "function_call", call_id: "c3", name: "f", arguments: "{}" },
      { role: "assistant", content: [{ type: "refusal", refusal: "no" }] },
      { role: "user", content: "go on" }
    )
    const f = { name: "f", arguments: "{}" }
    assert.deepStrictEqual(list, [
      { ...plain, role: "system", text: "be brief" },
      { ...plain, role: "system", text: "and kind" },
      { ...plain, role: "user", text: "a\nb", images: [{ ...image, at: 2 }] },
      {
        ...plain,
        role: "assistant",
        text: "let me look",
        toolCalls: [
          { id: "c1", ...f },
          { id: "c2", name: "g", arguments: "free" }
        ]
      },
      { ...plain, role: "tool", text: "done", toolCallId: "c1" },
      { ...plain, role: "tool", text: "seen", images: [{ ...image, at: 5 }], toolCallId: "c2" },
      { ...plain, role: "assistant", text: "", toolCalls: [{ id: "c3", ...f }] },
      { ...plain, role: "assistant", text: "no" },
      { ...plain, role: "user", text: "go on" }
    ])
  })

  it("leaves out kinds that are not known, and says which", () => {
    const { leftOut, request } = Either.getOrThrow(
      read({
        input: [
          { type: "ghost_snapshot", id: "x" },
          { type: "<b>", id: 1 },
          {
            role: "user",
            content: [
              { type: "input_text", text: "hi" },
              { type: "input_video", url: "x" }
            ]
          }
        ],
        tools: [
          { type: "web_search", external_web_access: false },
          { type: "function", name: "f" }
        ]
      })
    )
    assert.deepStrictEqual(
      request.messages.map(({ text }) => text),
      [
        "These tools are not available here, and cannot be called: web_search. Where one would be needed, say that it is missing; never make up what it would have found.",
        "hi\n[content of a kind that cannot be shown here: input_video]"
      ]
    )
    assert.deepStrictEqual(leftOut, ["tools.web_search", "input.ghost_snapshot", "input", "input.content.input_video"])
    assert.deepStrictEqual(
      request.toolset.tools.map(({ name }) => name),
      ["f"]
    )
  })

  it("is refused with the place of what is wrong", () => {
    const at = (item: unknown) => complaint({ input: [{ role: "user", content: "hi" }, item] })
    assert.deepStrictEqual(at({ role: "user", content: 1 }), [400, "invalid_type", "input[1].content"])
    assert.deepStrictEqual(at({ role: "wizard", content: "x" }), [400, "invalid_value", "input[1].role"])
    assert.deepStrictEqual(at({ content: "x" }), [400, "missing_required_parameter", "input[1].role"])
    assert.deepStrictEqual(at({ role: "user" }), [400, "missing_required_parameter", "input[1].content"])
    assert.deepStrictEqual(at({ type: "function_call", name: "f", arguments: "{}" }), [
      400,
      "missing_required_parameter",
      "input[1].call_id"
    ])
    assert.deepStrictEqual(at({ type: "function_call_output", call_id: "c", output: 1 }), [
      400,
      "invalid_type",
      "input[1].output"
    ])
    const part = (content: unknown) => at({ role: "user", content: [content] })
    assert.deepStrictEqual(part({ type: "input_text", text: 1 }), [400, "invalid_type", "input[1].content[0].text"])
    assert.deepStrictEqual(part({ type: "input_file", file_id: "f" }), [
      400,
      "unsupported_value",
      "input[1].content[0]"
    ])
    assert.deepStrictEqual(part({ type: "input_image", file_id: "f" }), [
      400,
      "unsupported_value",
      "input[1].content[0].image_url"
    ])
    assert.deepStrictEqual(at({ type: "item_reference", id: "msg_1" }), [404, "item_not_found", "input[1].id"])
    assert.deepStrictEqual(complaint({ input: " " }), [400, "invalid_value", "input"])
    assert.deepStrictEqual(complaint({ input: [] }), [400, "invalid_value", "input"])
    assert.deepStrictEqual(complaint({ input: null }), [400, "missing_required_parameter", "input"])
  })

  it("goes on from what is held", () => {
    const past: ToRequest.Past = {
      ...nothing,
      items: (id) => (id === "resp_1" ? [{ role: "user", content: "one" }] : undefined),
      item: (id) => (id === "msg_1" ? { type: "message", role: "assistant", content: "two" } : undefined)
    }
    const body = {
      previous_response_id: "resp_1",
      instructions: "new",
      input: [
        { type: "item_reference", id: "msg_1" },
        { role: "user", content: "three" }
      ]
    }
    assert.deepStrictEqual(
      request(body, past).messages.map(({ text }) => text),
      ["new", "one", "two", "three"]
    )
    const missing = [404, "previous_response_not_found", "previous_response_id"]
    assert.deepStrictEqual(complaint({ previous_response_id: "resp_2" }, past), missing)
    assert.deepStrictEqual(complaint({ previous_response_id: "resp_1" }), missing)
    const wrong = { previous_response_id: "resp_1", input: [{ role: "user", content: 1 }] }
    assert.deepStrictEqual(complaint(wrong, past), [400, "invalid_type", "input[0].content"])
  })

  it("that goes on from a response is refused with a result of no call; sent whole, a conversation may lack calls", () => {
    const call = { type: "function_call", call_id: "call_1", name: "f", arguments: "{}" }
    const shell = {
      type: "local_shell_call",
      id: "lsh_1",
      call_id: "call_2",
      action: { type: "exec", command: ["ls"] }
    }
    const past: ToRequest.Past = { ...nothing, items: () => [{ role: "user", content: "one" }, call, shell] }
    const output = (call_id: string) => ({ type: "function_call_output", call_id, output: "x" })
    const onward = { previous_response_id: "resp_1" }
    const shellOutput = { type: "local_shell_call_output", id: "lsh_1", call_id: "lsh_1", output: "x" }
    const isTaken = (body: object) => assert.isTrue(Either.isRight(read(body, past)))
    isTaken({ ...onward, input: [output("call_1"), shellOutput] })
    const later = { type: "custom_tool_call", call_id: "call_3", name: "g", input: "" }
    isTaken({ ...onward, input: [output("call_1"), later, output("call_3")] })
    const stray = complaint({ ...onward, input: [output("call_1"), output("call_4")] }, past)
    assert.deepStrictEqual(stray, [400, "invalid_value", "input[1].call_id"])
    isTaken({ input: [{ role: "user", content: "one" }, output("call_4")] })
  })

  it("sees the pictures and the tools of items that it refers to, and keeps them whole", () => {
    const items = {
      seen: { id: "seen", role: "user", content: [{ type: "input_image", image_url: "data:image/png;base64,aGk=" }] },
      found: { id: "found", type: "tool_search_output", call_id: "c", tools: [{ type: "function", name: "send" }] }
    }
    const past: ToRequest.Past = { ...nothing, item: (id) => new Map(Object.entries(items)).get(id) }
    const body = { input: [{ type: "item_reference", id: "seen" }, { id: "found" }] }
    const { messages, toolset } = request(body, past)
    assert.lengthOf(messages[0]?.images ?? [], 1)
    assert.deepStrictEqual(
      toolset.tools.map(({ name }) => name),
      ["send"]
    )
    const payload = Schema.decodeUnknownSync(ResponsesRequest)({ model: "auto", ...body })
    assert.deepStrictEqual(Either.getOrThrow(ToRequest.toTurn(payload, past)).now, Object.values(items))
  })

  it("is tied to one instance by what its conversation has in common", () => {
    const key = (body: object) => request({ input: "hi", ...body }).affinity
    assert.isTrue(Option.isSome(key({})))
    // What is told of tools that come later is no part of it.
    assert.deepStrictEqual(key({ tools: [{ type: "web_search" }] }), key({}))
    assert.deepStrictEqual(key({ prompt_cache_key: "k" }), key({ prompt_cache_key: "k", user: "u", input: "other" }))
    assert.notDeepEqual(key({ user: "u" }), key({ prompt_cache_key: "u" }))
  })
})

describe("the tools of a request", () => {
  const f = { type: "function", name: "f", parameters: { type: "object", properties: { a: { type: "string" } } } }
  const g = {
    type: "custom",
    name: "g",
    description: "free",
    format: { type: "grammar", syntax: "lark", definition: "S" }
  }
  const mail = { type: "namespace", name: "mail", description: "letters", tools: [{ type: "function", name: "send" }] }
  const toolset = (body: object) => request({ input: "hi", ...body }).toolset
  const names = (body: object) => toolset(body).tools.map(({ name }) => name)

  it("are functions, free texts and members of namespaces", () => {
    const { choice, parallel, tools } = toolset({ tools: [f, g, mail] })
    assert.deepStrictEqual([choice, parallel], ["auto", true])
    assert.deepStrictEqual(tools, [
      { kind: "function", name: "f", description: undefined, parameters: f.parameters, strict: false },
      {
        kind: "custom",
        name: "g",
        description: "free\n\nThe input must match this Lark grammar:\nS",
        parameters: { type: "object", properties: { input: { type: "string" } }, required: ["input"] },
        strict: false
      },
      {
        kind: "function",
        name: "send",
        aliases: ["mail.send", "mail__send"],
        description: undefined,
        parameters: { type: "object", properties: {} },
        strict: false
      }
    ])
  })

  it("have the namespace in their name only where another tool has the same, in the history too", () => {
    const chat = { type: "namespace", name: "chat", tools: [{ type: "function", name: "send" }] }
    assert.deepStrictEqual(names({ tools: [mail, chat] }), ["mail.send", "chat.send"])
    const call = { type: "function_call", call_id: "c", name: "send", namespace: "chat", arguments: "{}" }
    assert.strictEqual(request({ input: [call], tools: [mail, chat] }).messages[1]?.toolCalls[0]?.name, "chat.send")
    assert.strictEqual(request({ input: [call], tools: [chat] }).messages[0].toolCalls[0]?.name, "send")
  })

  it("are restricted by tool_choice", () => {
    const tools = [f, g, mail]
    assert.deepStrictEqual(toolset({ tools, tool_choice: "none" }).tools, [])
    assert.strictEqual(toolset({ tools, tool_choice: "required" }).choice, "required")
    assert.deepStrictEqual(toolset({ tools, tool_choice: { type: "custom", name: "g" } }).choice, { name: "g" })
    const allowed = (mode: string, ...list: ReadonlyArray<object>) => ({
      tools,
      tool_choice: { type: "allowed_tools", mode, tools: list }
    })
    const narrowed = allowed("required", { type: "function", name: "send" }, { type: "web_search" })
    assert.deepStrictEqual([names(narrowed), toolset(narrowed).choice], [["send"], "required"])
    assert.deepStrictEqual(toolset({ tools, parallel_tool_calls: false }).parallel, false)
    const refusedAt = (param: string) => [400, "invalid_value", param]
    assert.deepStrictEqual(complaint({ tool_choice: "required" }), refusedAt("tool_choice"))
    const missing = (param: string) => [400, "unsupported_value", param]
    for (const choice of ["required", { type: "web_search_preview" }, { type: "shell" }]) {
      const lost = [{ type: "web_search" }, { type: "shell", environment: { type: "container_auto" } }]
      assert.deepStrictEqual(complaint({ tools: lost, tool_choice: choice }), missing("tool_choice"))
    }
    assert.deepStrictEqual(complaint({ tools, tool_choice: { type: "shell" } }), refusedAt("tool_choice"))
    assert.deepStrictEqual(
      complaint({ tools, tool_choice: { type: "function", name: "g" } }),
      refusedAt("tool_choice.name")
    )
    assert.deepStrictEqual(
      complaint(allowed("auto", { type: "function", name: "x" })),
      refusedAt("tool_choice.tools[0]")
    )
    assert.deepStrictEqual(complaint(allowed("required", { type: "web_search" })), missing("tool_choice.tools"))
  })

  it("are refused if one is invalid or two have the same name", () => {
    assert.deepStrictEqual(complaint({ tools: [f, f] }), [400, "invalid_value", "tools[1].name"])
    assert.deepStrictEqual(complaint({ tools: [{ type: "function" }] }), [
      400,
      "missing_required_parameter",
      "tools[0].name"
    ])
    assert.deepStrictEqual(complaint({ tools: [{ ...mail, tools: [{ type: "function", name: "a b" }] }] }), [
      400,
      "invalid_value",
      "tools[0].tools[0].name"
    ])
    assert.deepStrictEqual(complaint({ tools: [{ ...f, parameters: { type: "string" } }] }), [
      400,
      "invalid_function_parameters",
      "tools[0].parameters"
    ])
    assert.deepStrictEqual(complaint({ tools: [{ ...f, parameters: { type: "object", properties: 1 } }] }), [
      400,
      "invalid_function_parameters",
      "tools[0].parameters"
    ])
    const members = Array.from({ length: 200 }, (_, i) => ({ type: "function", name: `t${i}` }))
    const spaces = ["a", "b"].map((name) => ({ type: "namespace", name, tools: members }))
    assert.deepStrictEqual(complaint({ tools: spaces }), [400, "array_above_max_length", "tools"])
  })
})

describe("a request", () => {
  it("becomes a chat request with its length, format, effort and origin", () => {
    const schema = { type: "object" }
    const { effort, format, maxTokens, origin } = request({
      input: "hi",
      stream: true,
      max_output_tokens: 5,
      reasoning: { effort: "high", summary: "auto" },
      text: { format: { type: "json_schema", name: "n", schema, strict: true }, verbosity: "low" }
    })
    assert.deepStrictEqual([effort, maxTokens], ["high", 5])
    assert.deepStrictEqual(format, { type: "json_schema", name: "n", schema, strict: true })
    assert.deepStrictEqual(origin, { dialect: "responses", stream: true })
  })

  it("is refused where ignoring a wish would give a wrong answer", () => {
    for (const [body, param] of [
      [{ background: true }, "background"],
      [{ prompt: { id: "p" } }, "prompt"],
      [{ top_logprobs: 3 }, "top_logprobs"]
    ] as const) {
      assert.deepStrictEqual(complaint(body), [400, "unsupported_value", param])
    }
    const wrong = { format: { type: "json_schema", name: "n", schema: { type: "thing" } } }
    assert.deepStrictEqual(complaint({ text: wrong }), [400, "invalid_json_schema", "text.format.schema"])
    assert.deepStrictEqual(complaint({ stream_options: {} }), [400, "invalid_value", "stream_options"])
  })

  it("is repeated in its response", () => {
    const body = {
      model: "auto",
      input: "hi",
      instructions: "i",
      metadata: { a: "b" },
      tools: [{ type: "function", name: "f" }, { type: "web_search" }],
      tool_choice: "auto",
      text: { verbosity: "low" },
      reasoning: { effort: "low" },
      prompt_cache_key: "k"
    }
    const payload = Schema.decodeUnknownSync(ResponsesRequest)(body)
    const { tools } = Either.getOrThrow(read(body))
    const fixed = Resource.toFixed({ id: "resp_1", created: 1, payload, tools, kept: true })
    assert.deepInclude(fixed, {
      instructions: "i",
      metadata: { a: "b" },
      tools: [{ type: "function", name: "f", description: null, parameters: null, strict: false }],
      text: { format: { type: "text" }, verbosity: "low" },
      reasoning: { effort: "low", summary: null },
      store: true,
      temperature: 1
    })
  })

  it("is read or refused whatever it holds, and never breaks the reader", () => {
    const kind = fc.constantFrom(
      "message",
      "function_call",
      "function_call_output",
      "reasoning",
      "function",
      "namespace"
    )
    const role = fc.constantFrom("user", "assistant", "tool")
    const thing = fc.record(
      {
        type: fc.oneof(kind, fc.jsonValue()),
        role: fc.oneof(role, fc.jsonValue()),
        name: fc.oneof(fc.constant("f"), fc.jsonValue()),
        call_id: fc.oneof(fc.constant("c"), fc.jsonValue()),
        content: fc.oneof(fc.string(), fc.array(fc.record({ type: fc.constant("input_text"), text: fc.jsonValue() }))),
        output: fc.jsonValue(),
        arguments: fc.oneof(fc.constant("{}"), fc.jsonValue()),
        parameters: fc.jsonValue(),
        tools: fc.array(fc.jsonValue())
      },
      { requiredKeys: [] }
    )
    const decode = Decode.reader(ResponsesRequest)
    const body = fc.record({
      model: fc.constant("auto"),
      input: fc.oneof({ arbitrary: fc.constant("hi"), weight: 2 }, fc.array(thing), fc.jsonValue()),
      tools: fc.oneof({ arbitrary: fc.constant([]), weight: 3 }, fc.array(thing), fc.jsonValue()),
      tool_choice: fc.oneof({ arbitrary: fc.constant("auto"), weight: 4 }, thing, fc.jsonValue())
    })
    let good = 0
    fc.assert(
      fc.property(body, (one) => {
        if (Either.isLeft(decode(one))) return
        const result = read(one)
        if (Either.isRight(result)) good++
        else assert.strictEqual(result.left.status, 400)
      }),
      { numRuns: 300 }
    )
    assert.isAbove(good, 0)
  })
})

describe("tools within the input", () => {
  const exec = { type: "custom", name: "exec", description: "Runs JavaScript", format: { type: "text" } }
  const wait = { type: "function", name: "wait", parameters: { type: "object", properties: {} } }
  const hi = { role: "user", content: "hi" }
  const names = (body: object) => request(body).toolset.tools.map(({ name }) => name)

  it("are offered beside those of the request, the last of one name", () => {
    const functions = { type: "namespace", name: "functions", tools: [exec, wait] }
    const further = { type: "additional_tools", role: "developer", tools: [functions, { ...wait, name: "plain" }] }
    assert.deepStrictEqual(names({ input: [further, hi] }), ["exec", "wait", "plain"])
    assert.deepStrictEqual(names({ input: [further, hi, further], tools: [{ ...wait, name: "plain" }] }), [
      "plain",
      "exec",
      "wait"
    ])
    assert.deepStrictEqual(messages(further, hi), [{ ...plain, role: "user", text: "hi" }])
  })

  it("are refused by their place when they are none", () => {
    const input = [hi, { type: "additional_tools", tools: [{ ...wait, name: "no name" }] }]
    assert.deepStrictEqual(complaint({ input })[2], "input[1].tools[0].name")
  })

  it("that a search has found can be called, and the search is told as a call with its result", () => {
    const search = { type: "tool_search", execution: "client", description: "Searches", parameters: wait.parameters }
    const call = { type: "tool_search_call", call_id: "ts1", execution: "client", arguments: { query: "calendar" } }
    const tools = [{ type: "namespace", name: "mcp__cal", tools: [{ ...wait, name: "list_events" }] }, wait]
    const output = { type: "tool_search_output", call_id: "ts1", execution: "client", tools }
    const asked = { tools: [search], input: [hi, call, output, hi] }
    assert.deepStrictEqual(names(asked), ["tool_search", "list_events", "wait"])
    assert.deepStrictEqual(request(asked).messages.slice(1, 3), [
      {
        ...plain,
        role: "assistant",
        text: "",
        toolCalls: [{ id: "ts1", name: "tool_search", arguments: '{"query":"calendar"}' }]
      },
      { ...plain, role: "tool", text: "These tools can be called now: list_events, wait", toolCallId: "ts1" }
    ])
    const none = request({ tools: [search], input: [hi, call, { ...output, tools: [] }] })
    assert.strictEqual(none.messages.at(-1)?.text, "No tool was found.")
  })
})
