import { assert, describe, it } from "@effect/vitest"
import { SchemaAST as AST, Effect, Option } from "effect"
import { ChatCompletionRequest } from "../../../src/http/dialects/chat-completions/Payload.ts"
import { CompletionRequest } from "../../../src/http/dialects/completions/Payload.ts"
import { CountTokensRequest, MessagesRequest } from "../../../src/http/dialects/messages/request/Payload.ts"
import * as Responses from "../../../src/http/dialects/responses/request/Payload.ts"
import * as TestBackend from "../../support/TestBackend.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const rules = (ast: AST.AST): Readonly<Record<string, unknown>> => ({
  ...Option.getOrElse(AST.getJSONSchemaAnnotation(ast), () => ({}))
})

/** A pattern that ends, and says how often each part of it comes. */
const isClosed = (pattern: unknown): boolean =>
  typeof pattern === "string" && /^\^.*\$$/.test(pattern) && !/[*+]|,\}/.test(pattern.replace(/\[[^\]]*\]/g, ""))

/** Places where a string or a list has no bound. */
const unbounded = (root: AST.AST): ReadonlySet<string> => {
  const found = new Set<string>()
  const walk = (ast: AST.AST, path: string, isBounded: boolean): void => {
    const again = (inner: AST.AST, name = "") => walk(inner, path + name, false)
    if (AST.isRefinement(ast)) {
      const { maxItems, maxLength, maxProperties, pattern } = rules(ast)
      const bounds = [maxItems, maxLength, maxProperties].some((bound) => typeof bound === "number")
      walk(ast.from, path, isBounded || bounds || isClosed(pattern))
    } else if (AST.isTransformation(ast)) walk(ast.from, path, isBounded)
    else if (AST.isUnion(ast)) for (const one of ast.types) walk(one, path, isBounded)
    else if (AST.isTypeLiteral(ast)) {
      for (const { name, type } of ast.propertySignatures) again(type, `.${String(name)}`)
      for (const { type } of ast.indexSignatures) {
        // Whatever a client likes: nobody reads it but for what the schemas here say.
        if (AST.isUnknownKeyword(type)) continue
        if (!isBounded) found.add(`${path}{}`)
        again(type, "{}")
      }
    } else if (AST.isTupleType(ast)) {
      if (ast.rest.length > 0 && !isBounded) found.add(`${path}[]`)
      for (const { type } of [...ast.elements, ...ast.rest]) again(type, "[]")
    } else if (AST.isSuspend(ast)) again(ast.f())
    else if (AST.isStringKeyword(ast) || AST.isTemplateLiteral(ast)) {
      if (!isBounded) found.add(path)
    }
  }
  walk(root, "", false)
  return found
}

const some = (name: string, table: Readonly<Record<string, { readonly ast: AST.AST }>>) =>
  Object.entries(table).flatMap(([kind, { ast }]) => [...unbounded(ast)].map((path) => `${name} ${kind}${path}`))

describe("strings and lists of requests", () => {
  it("have a bound in text completions, but for content", () => {
    assert.sameMembers([...unbounded(CompletionRequest.ast)], [".prompt", ".prompt[]", ".suffix"])
  })

  it("have a bound in chat completions, but for content", () => {
    assert.sameMembers(
      [...unbounded(ChatCompletionRequest.ast)],
      [
        ".messages[].content",
        ".messages[].content[].text",
        ".messages[].content[].refusal",
        ".messages[].content[].image_url",
        ".messages[].content[].image_url.url",
        ".messages[].refusal",
        ".messages[].tool_calls[].function.arguments",
        ".messages[].tool_calls[].custom.input",
        ".messages[].function_call.arguments",
        ".prediction.content",
        ".prediction.content[].text",
        ".prediction.content[].refusal",
        ".prediction.content[].image_url",
        ".prediction.content[].image_url.url"
      ]
    )
  })

  it("have a bound in Responses, but for content", () => {
    assert.sameMembers([...unbounded(Responses.ResponsesRequest.ast)], [".input", ".instructions"])
    const { items, parts, tools } = Responses.kinds
    assert.sameMembers(
      [...some("item", items), ...some("part", parts), ...some("tool", tools)],
      [
        "item message.content",
        "item function_call.arguments",
        "item custom_tool_call.input",
        "item function_call_output.output",
        "item custom_tool_call_output.output",
        "item compaction.encrypted_content",
        "item compaction_summary.encrypted_content",
        "item tool_search_call.arguments",
        "item local_shell_call.action.command[]",
        "item local_shell_call.action.env{}",
        "item local_shell_call.action.working_directory",
        "item local_shell_call_output.output",
        "item shell_call.action.commands[]",
        "item shell_call_output.output[].stdout",
        "item shell_call_output.output[].stderr",
        "item apply_patch_call.operation.path",
        "item apply_patch_call.operation.diff",
        "item apply_patch_call_output.output",
        "part input_text.text",
        "part output_text.text",
        "part text.text",
        "part refusal.refusal",
        "part input_image.image_url"
      ]
    )
  })

  it("have a bound in Messages, but for content", () => {
    const image = [".data", ".url"]
    const document = [".context", ".source.data", ".source.url", ".source.content", ".source.content[].text"].concat(
      image.map((field) => `.source.content[].source${field}`)
    )
    const blocks = [".text", ".context", ...image.map((field) => `.source${field}`), ...document, ".content[].text"]
    const content = ".messages[].content"
    const allowed = [
      content,
      ".system",
      ".system[].text",
      ...blocks.map((field) => `${content}[]${field}`),
      `${content}[].content`,
      ...blocks.map((field) => `${content}[].content[]${field}`)
    ]
    assert.sameMembers([...unbounded(MessagesRequest.ast)], [...new Set(allowed)])
    assert.sameMembers([...unbounded(CountTokensRequest.ast)], [...new Set(allowed)])
  })

  const long = "x".repeat(6_000_000)
  const chat = { model: "auto", messages: [{ role: "user", content: "hi" }] }
  const messages = { ...chat, max_tokens: 9 }
  const responses = { model: "auto", input: "hi" }
  const call = (name: string, id: string) => ({
    ...chat,
    messages: [{ role: "assistant", tool_calls: [{ id, type: "function", function: { name, arguments: "{}" } }] }]
  })
  const tool = { name: "t", description: long }
  const attacks: ReadonlyArray<readonly [path: string, body: object, param: string]> = [
    ["chat/completions", { ...chat, stop: [long] }, "stop[0]"],
    ["chat/completions", { ...chat, stop: long }, "stop"],
    ["chat/completions", { ...chat, user: long }, "user"],
    ["chat/completions", { ...chat, prompt_cache_key: long }, "prompt_cache_key"],
    ["chat/completions", { ...chat, model: long }, "model"],
    ["chat/completions", { ...chat, tools: [{ type: "function", function: tool }] }, "tools[0].function.description"],
    ["chat/completions", call(long, "c"), "messages[0].tool_calls[0].function.name"],
    ["chat/completions", call("t", long), "messages[0].tool_calls[0].id"],
    [
      "chat/completions",
      { ...chat, logit_bias: Object.fromEntries(Array.from({ length: 1025 }, (_, i) => [i, 1])) },
      "logit_bias"
    ],
    ["responses", { ...responses, previous_response_id: long }, "previous_response_id"],
    ["responses", { ...responses, include: Array.from({ length: 65 }, () => "x") }, "include"],
    ["responses", { ...responses, input: [{ type: "item_reference", id: long }] }, "input[0].id"],
    ["responses", { ...responses, tools: [{ type: "function", ...tool }] }, "tools[0].description"],
    ["messages", { ...messages, stop_sequences: [long] }, "stop_sequences.0"],
    ["messages", { ...messages, stop_sequences: Array.from({ length: 65 }, () => "x") }, "stop_sequences"],
    ["messages", { ...messages, metadata: { user_id: long } }, "metadata.user_id"],
    ["messages", { ...messages, thinking: { type: long } }, "thinking.type"],
    ["messages", { ...messages, tools: [{ ...tool, input_schema: {} }] }, "tools.0.custom.description"]
  ]

  it.scopedLive("are refused beyond their bound, by the name of their place, before anything is made of them", () =>
    Effect.gen(function* () {
      const scripted = TestBackend.make(TestBackend.say("no"))
      const gateway = yield* TestGateway.serve(scripted)
      for (const [path, body, param] of attacks) {
        const headers = { "content-type": "application/json" }
        const init = { method: "POST", headers, body: JSON.stringify(body) }
        const { json, status, text } = yield* gateway.request(`/v1/${path}`, init)
        assert.strictEqual(status, 400, `${path} ${param}`)
        if (path === "messages") assert.include(json.error?.message, `${param}: `)
        else assert.strictEqual(json.error?.param, param)
        assert.isBelow(text.length, 1000, param)
      }
      assert.lengthOf(scripted.asks, 0)
    })
  )
})
