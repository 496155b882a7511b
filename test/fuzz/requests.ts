/**
 * Bodies for every route that reads one of a client: right ones with something changed, and the nasty ones of `test/corpus`.
 */
import { readdirSync, readFileSync } from "node:fs"
import { FastCheck as fc } from "effect"

const directory = new URL("../corpus/", import.meta.url)

/** By the names of their files. */
export const corpus: ReadonlyArray<readonly [name: string, bytes: Buffer]> = readdirSync(directory)
  .filter((name) => name.endsWith(".txt"))
  .sort()
  .map((name) => [name, readFileSync(new URL(name, directory))])

const parameters = { type: "object", properties: { city: { type: "string" } }, required: ["city"] }
const pixel = "data:image/gif;base64,R0lGODlhAQABAAAAACwAAAAAAQABAAA="

/** Right requests, by path. */
const right: Readonly<Record<string, ReadonlyArray<object>>> = {
  "/v1/chat/completions": [
    { model: "auto", messages: [{ role: "user", content: "hi" }] },
    {
      model: "auto",
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.5,
      max_tokens: 100,
      stop: ["x"],
      seed: 7,
      user: "u",
      metadata: { a: "b" },
      messages: [
        { role: "system", content: "be brief" },
        {
          role: "user",
          content: [
            { type: "text", text: "a" },
            { type: "image_url", image_url: { url: pixel } }
          ]
        },
        {
          role: "assistant",
          content: null,
          tool_calls: [{ id: "c", type: "function", function: { name: "w", arguments: "{}" } }]
        },
        { role: "tool", tool_call_id: "c", content: "rain" }
      ],
      tools: [{ type: "function", function: { name: "w", description: "weather", parameters, strict: true } }],
      tool_choice: "auto",
      response_format: { type: "json_schema", json_schema: { name: "s", schema: parameters } }
    }
  ],
  "/v1/responses": [
    { model: "auto", input: "hi" },
    {
      model: "auto",
      stream: true,
      instructions: "be brief",
      max_output_tokens: 100,
      reasoning: { effort: "low", summary: "auto" },
      text: { format: { type: "text" } },
      tools: [
        { type: "function", name: "w", parameters },
        { type: "custom", name: "c" }
      ],
      tool_choice: "auto",
      input: [
        {
          type: "message",
          role: "user",
          content: [
            { type: "input_text", text: "a" },
            { type: "input_image", image_url: pixel }
          ]
        },
        { type: "function_call", call_id: "c", name: "w", arguments: "{}" },
        { type: "function_call_output", call_id: "c", output: "rain" },
        { type: "reasoning", id: "r", summary: [] }
      ]
    }
  ],
  "/v1/completions": [
    { model: "auto", prompt: "Once upon" },
    {
      model: "auto",
      stream: true,
      stream_options: { include_usage: true },
      prompt: ["Once upon"],
      echo: true,
      max_tokens: 100,
      n: 1,
      stop: ["x"],
      temperature: 0.5,
      user: "u"
    }
  ],
  "/v1/embeddings": [
    { model: "m", input: "hi" },
    { model: "m", input: ["a", "b"], encoding_format: "base64", dimensions: 3, user: "u" }
  ],
  "/v1/messages": [
    { model: "auto", max_tokens: 100, messages: [{ role: "user", content: "hi" }] },
    {
      model: "auto",
      max_tokens: 100,
      stream: true,
      system: [{ type: "text", text: "be brief", cache_control: { type: "ephemeral" } }],
      stop_sequences: ["x"],
      thinking: { type: "enabled", budget_tokens: 2000 },
      metadata: { user_id: "u" },
      tools: [{ name: "w", description: "weather", input_schema: parameters }],
      tool_choice: { type: "auto" },
      messages: [
        { role: "user", content: [{ type: "text", text: "a" }] },
        { role: "assistant", content: [{ type: "tool_use", id: "t", name: "w", input: { city: "x" } }] },
        { role: "user", content: [{ type: "tool_result", tool_use_id: "t", content: "rain" }] }
      ]
    }
  ]
}
export const paths = Object.keys(right)

const nasty = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<Array<unknown>>(
    null,
    true,
    0,
    -1,
    1.5,
    1e308,
    Number.MAX_SAFE_INTEGER + 2,
    "",
    "\ud800",
    "\u0000",
    "\r\n\r\ndata: x",
    "__proto__",
    "x".repeat(100_000),
    [],
    {},
    [[]],
    [null],
    { type: null },
    { type: "text" },
    "auto",
    "user",
    "required",
    "none"
  )
)

type Path = ReadonlyArray<string>
const pathsOf = (value: unknown, at: Path = []): ReadonlyArray<Path> =>
  typeof value === "object" && value !== null
    ? [at, ...Object.entries(value).flatMap(([key, inner]) => pathsOf(inner, [...at, key]))]
    : [at]

type Change = {
  readonly at: number
  readonly how: "replace" | "remove" | "add" | "repeat"
  readonly key: string
  readonly value: unknown
}

const changed = (value: unknown, [key, ...rest]: Path, change: Change): unknown => {
  if (key !== undefined && typeof value === "object" && value !== null) {
    const inner = changed((value as Record<string, unknown>)[key], rest, change)
    if (Array.isArray(value))
      return value.flatMap((one, i) => (String(i) !== key ? [one] : inner === undefined ? [] : [inner]))
    return Object.fromEntries(
      Object.entries(value).flatMap(([name, one]) =>
        name !== key ? [[name, one]] : inner === undefined ? [] : [[name, inner]]
      )
    )
  }
  switch (change.how) {
    case "replace":
      return change.value
    case "remove":
      return undefined
    case "repeat":
      return Array.isArray(value) ? Array.from({ length: 300 }, () => value[0] ?? null) : [value, value]
    case "add":
      return Array.isArray(value)
        ? [...value, change.value]
        : typeof value === "object" && value !== null
          ? { ...value, [change.key]: change.value }
          : change.value
  }
}

const change: fc.Arbitrary<Change> = fc.record({
  at: fc.nat(),
  how: fc.constantFrom("replace" as const, "replace" as const, "remove" as const, "add" as const, "repeat" as const),
  key: fc.oneof(fc.constantFrom("__proto__", "constructor", "type", "role", "stream", "n", ""), fc.string()),
  value: nasty
})

const structured = fc
  .tuple(fc.constantFrom(...Object.entries(right)), fc.nat(1), fc.array(change, { minLength: 1, maxLength: 4 }))
  .map(([[path, bodies], which, changes]) => {
    const body = changes.reduce<unknown>((value, one) => {
      const all = pathsOf(value)
      return changed(value, all[one.at % all.length] ?? [], one)
    }, bodies[which])
    return { path, body: Buffer.from(JSON.stringify(body) ?? "") }
  })

const cut = fc
  .record({
    path: fc.constantFrom(...paths),
    from: fc.constantFrom(
      ...corpus.map(([, bytes]) => bytes),
      ...Object.values(right)
        .flat()
        .map((body) => Buffer.from(JSON.stringify(body)))
    ),
    at: fc.nat(),
    with: fc.uint8Array({ maxLength: 4 }),
    drop: fc.nat(8)
  })
  .map(({ at, drop, from, path, with: bytes }) => {
    const place = at % (from.length + 1)
    return { path, body: Buffer.concat([from.subarray(0, place), bytes, from.subarray(place + drop)]) }
  })

export const request = fc.oneof({ weight: 4, arbitrary: structured }, { weight: 1, arbitrary: cut })
