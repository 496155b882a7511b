import { isDeepStrictEqual } from "node:util"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Either, Schema } from "effect"
import { finish, textDelta, thoughtDelta } from "../../../../src/domain/Chat.ts"
import * as FieldSupport from "../../../../src/http/chat/FieldSupport.ts"
import * as SchemaIssue from "../../../../src/http/chat/SchemaIssue.ts"
import { support as dialect } from "../../../../src/http/dialects/chat-completions/Fields.ts"
import { ChatCompletionRequest } from "../../../../src/http/dialects/chat-completions/Payload.ts"
import * as ToRequest from "../../../../src/http/dialects/chat-completions/ToRequest.ts"
import * as Errors from "../../../../src/http/dialects/openai/OpenAiErrors.ts"
import * as TestBackend from "../../../support/TestBackend.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const hello = { model: "auto", messages: [{ role: "user", content: "hi" }] }
const tool = (name: string, more: object = {}) => ({ type: "function", function: { name, ...more } })
const custom = (more: object = {}) => ({ type: "custom", custom: { name: "run", ...more } })
const named = (name: string) => ({ type: "function", function: { name } })
const schema = (more: object) => ({ type: "json_schema", json_schema: more })
const many = <A>(count: number, make: (i: number) => A) => Array.from({ length: count }, (_, i) => make(i))

const decode = Schema.decodeUnknownEither(ChatCompletionRequest)
const read = (body: unknown) =>
  Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue))).pipe(
    Either.flatMap((payload) => ToRequest.toRequest(payload, {}, new Map()))
  )

interface Row {
  /** Values that are taken; what they need beside them in `beside`. */
  readonly good: ReadonlyArray<unknown>
  readonly beside?: object
  /** Value, code, and the param where it is not the field's own name. */
  readonly bad: ReadonlyArray<readonly [value: unknown, code: string, param?: string]>
}

const number = (min: number, max: number): Row => ({
  good: [min, 0.5, max],
  bad: [
    ["1", "invalid_type"],
    [min - 0.1, "decimal_below_min_value"],
    [max + 1, "decimal_above_max_value"]
  ]
})
const flag: Row = {
  good: [true, false],
  bad: [
    ["true", "invalid_type"],
    [1, "invalid_type"]
  ]
}
const text: Row = { good: ["", "x"], bad: [[7, "invalid_type"]] }
const object: Row = {
  good: [{}, { a: { b: 1 } }],
  bad: [
    ["x", "invalid_type"],
    [[], "invalid_type"]
  ]
}
const words = (...list: ReadonlyArray<string>): Row => ({
  good: list,
  bad: [
    ["nonsense", "invalid_value"],
    [3, "invalid_type"]
  ]
})
const tokens: Row = {
  good: [1, 1e9],
  bad: [
    [0, "integer_below_min_value"],
    [1.5, "invalid_type"],
    ["5", "invalid_type"],
    [1e300, "integer_above_max_value"]
  ]
}
const tools = [tool("f"), tool("mcp.g-h_i"), custom()]

/** A row for each field of the table. */
const rows: Readonly<Record<string, Row>> = {
  model: {
    good: ["auto", "gpt-5"],
    bad: [
      ["", "empty_string"],
      ["x".repeat(257), "string_above_max_length"],
      [1, "invalid_type"]
    ]
  },
  messages: {
    good: [hello.messages, [{ role: "system", content: "be brief" }, ...hello.messages]],
    bad: [
      [[], "empty_array"],
      [many(4097, () => hello.messages[0]), "array_above_max_length"],
      ["hi", "invalid_type"],
      [[{ role: "user", content: [{ type: "file", file: {} }] }], "unsupported_value", "messages[0].content[0]"],
      [[{ role: "user", content: [{ type: "input_audio" }] }], "unsupported_value", "messages[0].content[0]"]
    ]
  },
  stream: flag,
  stream_options: {
    good: [{}, { include_usage: true, include_obfuscation: false }],
    beside: { stream: true },
    bad: [
      [{ include_usage: "yes" }, "invalid_type", "stream_options.include_usage"],
      [true, "invalid_type"]
    ]
  },
  temperature: number(0, 2),
  top_p: number(0, 1),
  frequency_penalty: number(-2, 2),
  presence_penalty: number(-2, 2),
  n: {
    good: [1],
    bad: [
      [0, "integer_below_min_value"],
      [129, "integer_above_max_value"],
      [2, "unsupported_value"]
    ]
  },
  stop: {
    good: ["END", ["a", "b", "c", "d"], "\n"],
    bad: [
      ["", "empty_string"],
      [["a", ""], "empty_string", "stop[1]"],
      [[], "empty_array"],
      [["a", "b", "c", "d", "e"], "array_above_max_length"],
      [5, "invalid_type"]
    ]
  },
  max_tokens: tokens,
  max_completion_tokens: tokens,
  logprobs: {
    good: [false],
    bad: [
      [true, "unsupported_value"],
      ["no", "invalid_type"]
    ]
  },
  top_logprobs: {
    good: [0],
    bad: [
      [-1, "integer_below_min_value"],
      [21, "integer_above_max_value"],
      [3, "unsupported_value"]
    ]
  },
  logit_bias: {
    good: [{}, { "50256": -100 }],
    bad: [
      [{ "1": 101 }, "integer_above_max_value", "logit_bias.1"],
      [{ "1": 0.5 }, "invalid_type", "logit_bias.1"],
      [{ ["9".repeat(10_000)]: 101 }, "integer_above_max_value", `logit_bias.${"9".repeat(64)}…`],
      [[], "invalid_type"]
    ]
  },
  seed: {
    good: [0, -1, 2 ** 63],
    bad: [
      [0.5, "invalid_type"],
      ["1", "invalid_type"]
    ]
  },
  user: text,
  safety_identifier: { good: ["x".repeat(64)], bad: [["x".repeat(65), "string_above_max_length"]] },
  prompt_cache_key: text,
  prompt_cache_options: object,
  prompt_cache_retention: text,
  metadata: {
    good: [{}, Object.fromEntries(many(16, (i) => [`k${i}`, "x".repeat(512)])), { ["k".repeat(64)]: "v" }],
    bad: [
      [{ a: 1 }, "invalid_type", "metadata.a"],
      [{ a: "x".repeat(513) }, "string_above_max_length", "metadata.a"],
      [Object.fromEntries(many(17, (i) => [`k${i}`, ""])), "object_above_max_properties"],
      [{ ["k".repeat(65)]: "v" }, "property_name_above_max_length"]
    ]
  },
  store: flag,
  modalities: {
    good: [["text"]],
    bad: [
      [["text", "audio"], "unsupported_value"],
      [["smell"], "invalid_value", "modalities[0]"]
    ]
  },
  audio: {
    good: [],
    bad: [
      [{ voice: "alloy", format: "wav" }, "unsupported_value"],
      ["loud", "invalid_type"]
    ]
  },
  prediction: {
    good: [
      { type: "content", content: "x" },
      { type: "content", content: [{ type: "text", text: "x" }] }
    ],
    bad: [
      [{ type: "guess", content: "x" }, "invalid_value", "prediction.type"],
      [{ type: "content" }, "missing_required_parameter", "prediction.content"]
    ]
  },
  reasoning_effort: words("none", "minimal", "low", "medium", "high", "xhigh", "max"),
  verbosity: words("low", "medium", "high"),
  service_tier: words("auto", "default", "flex", "scale", "priority", "fast"),
  moderation: object,
  web_search_options: object,
  response_format: {
    good: [{ type: "text" }, { type: "json_object" }, schema({ name: "a", strict: true, schema: { type: "object" } })],
    bad: [
      ["json", "invalid_type"],
      [{ type: "xml" }, "invalid_value", "response_format.type"],
      [schema({}), "missing_required_parameter", "response_format.json_schema.name"],
      [schema({ name: "x".repeat(65) }), "invalid_value", "response_format.json_schema.name"],
      [schema({ name: "a", schema: "x" }), "invalid_type", "response_format.json_schema.schema"],
      [schema({ name: "a", schema: { type: "objekt" } }), "invalid_json_schema", "response_format.json_schema.schema"],
      [schema({ name: "a", strict: "yes" }), "invalid_type", "response_format.json_schema.strict"]
    ]
  },
  tools: {
    good: [[], tools, many(128, (i) => tool(`f${i}`)), [custom({ format: { type: "text" } })]],
    bad: [
      [many(129, (i) => tool(`f${i}`)), "array_above_max_length"],
      [[tool("a b")], "invalid_value", "tools[0].function.name"],
      [[tool("x".repeat(129))], "invalid_value", "tools[0].function.name"],
      [[tool("f"), tool("f")], "invalid_value", "tools[1].function.name"],
      [[tool("run"), custom()], "invalid_value", "tools[1].custom.name"],
      [[{ type: "function" }], "missing_required_parameter", "tools[0].function"],
      [[{ type: "retrieval" }], "invalid_value", "tools[0].type"],
      [[tool("f", { strict: 1 })], "invalid_type", "tools[0].function.strict"],
      [[tool("f", { parameters: [] })], "invalid_type", "tools[0].function.parameters"],
      [
        [tool("f", { parameters: { type: "object", properties: 5 } })],
        "invalid_function_parameters",
        "tools[0].function.parameters"
      ],
      [
        [tool("f"), tool("g", { parameters: { type: "object", required: "a" } })],
        "invalid_function_parameters",
        "tools[1].function.parameters"
      ],
      [[tool("f", { parameters: { type: "string" } })], "invalid_function_parameters", "tools[0].function.parameters"],
      [[custom({ format: { type: "yaml" } })], "invalid_value", "tools[0].custom.format.type"],
      [
        [custom({ format: { type: "grammar", grammar: { definition: "x", syntax: "bnf" } } })],
        "invalid_value",
        "tools[0].custom.format.grammar.syntax"
      ]
    ]
  },
  tool_choice: {
    good: [
      "none",
      "auto",
      "required",
      named("f"),
      { type: "custom", custom: { name: "run" } },
      { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [named("f")] } }
    ],
    beside: { tools },
    bad: [
      ["any", "invalid_value"],
      [named("absent"), "invalid_value", "tool_choice.function.name"],
      [named("run"), "invalid_value", "tool_choice.function.name"],
      [{ type: "function" }, "missing_required_parameter", "tool_choice.function"],
      [
        { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [named("f"), named("absent")] } },
        "invalid_value",
        "tool_choice.allowed_tools.tools[1]"
      ],
      [
        { type: "allowed_tools", allowed_tools: { mode: "never", tools: [named("f")] } },
        "invalid_value",
        "tool_choice.allowed_tools.mode"
      ],
      [
        { type: "allowed_tools", allowed_tools: { mode: "auto", tools: [] } },
        "empty_array",
        "tool_choice.allowed_tools.tools"
      ]
    ]
  },
  parallel_tool_calls: { ...flag, beside: { tools } },
  functions: {
    good: [[{ name: "f" }], [{ name: "f", description: "x", parameters: { type: "object" } }]],
    bad: [
      [[], "empty_array"],
      [many(129, (i) => ({ name: `f${i}` })), "array_above_max_length"],
      [[{ name: "f" }, { name: "f" }], "invalid_value", "functions[1].name"],
      [[{ name: "f", parameters: { type: "array" } }], "invalid_function_parameters", "functions[0].parameters"],
      [[{}], "missing_required_parameter", "functions[0].name"]
    ]
  },
  function_call: {
    good: ["none", "auto", { name: "f" }],
    beside: { functions: [{ name: "f" }] },
    bad: [
      ["required", "invalid_value"],
      [{ name: "absent" }, "invalid_value", "function_call.name"],
      [{}, "missing_required_parameter", "function_call.name"]
    ]
  }
}

/** Taken only at values that ask for nothing, or asked of the answer's frame alone. */
const withoutTrace = new Set(["n", "logprobs", "top_logprobs", "modalities", "stream_options"])

/** Without effect, but that the model is told so. */
const toldOf = new Set(["web_search_options"])

describe("each field of a request", () => {
  it("has a row in the table, in the schema and in this test", () => {
    const inSchema = Object.keys(ChatCompletionRequest.fields).sort()
    assert.deepStrictEqual(Object.keys(dialect.fields).sort(), inSchema)
    assert.deepStrictEqual(Object.keys(rows).sort(), inSchema)
  })

  for (const [field, { bad, beside = {}, good }] of Object.entries(rows)) {
    it(`${field} is taken as the contract says, and a wrong value is named`, () => {
      for (const value of good) {
        const result = read({ ...hello, ...beside, [field]: value })
        assert.isTrue(Either.isRight(result), JSON.stringify(value).slice(0, 200))
      }
      for (const [value, code, param = field] of bad) {
        const failure = Either.getOrThrow(Either.flip(read({ ...hello, ...beside, [field]: value })))
        const { error } = failure.body
        assert.deepStrictEqual([failure.status, error.type], [400, "invalid_request_error"])
        assert.deepStrictEqual([error.param, error.code], [param, code], error.message)
      }
    })

    it(`${field} has the class that the table gives it`, () => {
      const rule = dialect.fields[field]
      const asked = (more: object) => Either.getOrThrow(read({ ...hello, ...beside, ...more }))
      const changing = good.filter((value) => !isDeepStrictEqual(asked({ [field]: value }), asked({})))
      if (rule?.class === "refused") {
        assert.strictEqual(good.length, 0)
        assert.isTrue(bad.some(([, code]) => code === "unsupported_value"))
      } else if (toldOf.has(field)) {
        for (const value of changing) {
          const { messages, ...rest } = asked({ [field]: value })
          const { messages: said, ...plain } = asked({})
          assert.match(messages[0].text, /not available here.*: web_search\./)
          assert.deepStrictEqual([messages.slice(1), rest], [said, plain])
        }
      } else if (rule?.class === "ignored" || withoutTrace.has(field)) assert.deepStrictEqual(changing, [])
      else assert.isAbove(changing.length, 0)
      const value = good[0] ?? "x"
      assert.deepStrictEqual(
        FieldSupport.ignored(dialect, { ...hello, [field]: value }),
        rule?.class === "ignored" ? [field] : []
      )
      assert.deepStrictEqual(FieldSupport.ignored(dialect, { ...hello, [field]: null }), [])
    })
  }

  it("is refused beside one that contradicts it", () => {
    const complaint = (more: object) => {
      const { error } = Either.getOrThrow(Either.flip(read({ ...hello, ...more }))).body
      return [error.param, error.code]
    }
    const functions = [{ name: "f" }]
    assert.deepStrictEqual(complaint({ tool_choice: "required" }), ["tool_choice", "invalid_value"])
    assert.deepStrictEqual(complaint({ tool_choice: named("f"), tools: [] }), ["tool_choice", "invalid_value"])
    assert.deepStrictEqual(complaint({ function_call: { name: "f" } }), ["function_call", "invalid_value"])
    assert.deepStrictEqual(complaint({ functions, tools }), ["functions", "invalid_value"])
    assert.deepStrictEqual(complaint({ functions, tool_choice: "auto" }), ["functions", "invalid_value"])
    assert.deepStrictEqual(complaint({ function_call: "auto", tools }), ["function_call", "invalid_value"])
    assert.deepStrictEqual(complaint({ stream_options: {} }), ["stream_options", "invalid_value"])
  })
})

describe("ignored fields", () => {
  it("are named, unknown ones too, but only names that look like one and not too many", () => {
    const body = { ...hello, top_k: 1, "x y": 1, 'a"b': 1, ["l".repeat(65)]: 1, constructor: 1, temperature: 1, 你: 1 }
    assert.deepStrictEqual(FieldSupport.ignored(dialect, body), ["top_k", "constructor", "temperature"])
    const flood = Object.fromEntries(many(1000, (i) => [`field${i}`, 1]))
    assert.strictEqual(FieldSupport.ignored(dialect, flood).length, 32)
    assert.deepStrictEqual(FieldSupport.ignored(dialect, null), [])
    assert.deepStrictEqual(FieldSupport.ignored(dialect, hello), [])
  })

  it.scopedLive("are told in a header of both answers", () =>
    Effect.gen(function* () {
      const { chat } = yield* TestGateway.serve(TestBackend.make())
      for (const stream of [false, true]) {
        const answer = yield* chat({ ...hello, stream, top_k: 3, seed: 1, n: 1, temperature: null })
        assert.strictEqual(answer.status, 200)
        assert.strictEqual(answer.headers.get("x-lingma-ignored-params"), "top_k, seed")
        assert.isNull((yield* chat({ ...hello, stream })).headers.get("x-lingma-ignored-params"))
      }
    })
  )

  it.scopedLive("are refused where nothing may be ignored", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make()
      const { chat } = yield* TestGateway.serve(scripted, { strictParams: true })
      const complaint = Effect.fnUntraced(function* (more: object) {
        const { json, status } = yield* chat({ ...hello, ...more })
        return [status, json.error?.param, json.error?.code]
      })
      assert.deepStrictEqual(yield* complaint({ temperature: 1 }), [400, "temperature", "unsupported_parameter"])
      assert.deepStrictEqual(yield* complaint({ top_k: 1, seed: 1 }), [400, "top_k", "unknown_parameter"])
      assert.strictEqual(scripted.asks.length, 0)
      assert.strictEqual((yield* chat({ ...hello, stop: "x", user: "u", temperature: null })).status, 200)
    })
  )
})

describe("thoughts that are not shown", () => {
  it.scopedLive("take nothing of max_tokens", () =>
    Effect.gen(function* () {
      const events = [...many(40, () => thoughtDelta("let me see, ")), textDelta("no"), finish("stop")]
      for (const [reasoningField, ending] of [
        ["none", "stop"],
        ["reasoning_content", "length"],
        ["think-tags", "length"]
      ] as const) {
        const { chat } = yield* TestGateway.serve(TestBackend.make(TestBackend.emit(...events)), { reasoningField })
        const [choice] = (yield* chat({ ...hello, max_tokens: 64 })).json.choices ?? []
        assert.strictEqual(choice?.finish_reason, ending, reasoningField)
      }
    })
  )
})
