/**
 * Completes the generated `/openapi.json`: headers, errors that any request may get, and descriptions.
 */

type Json = Readonly<Record<string, unknown>>

interface Media {
  readonly schema?: Json
}
interface Answer {
  readonly description?: string
  readonly content?: Readonly<Record<string, Media>>
  readonly headers?: Json
}
export interface Operation {
  readonly tags?: ReadonlyArray<string>
  readonly summary?: string
  readonly description?: string
  readonly parameters?: ReadonlyArray<Json>
  readonly responses?: Readonly<Record<string, Answer>>
}
export interface Spec {
  readonly info: Json
  readonly tags?: ReadonlyArray<{ readonly name: string; readonly description?: string }>
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>
  readonly components?: Json
}

const header = (description: string, schema: Json = { type: "string" }) => ({ description, schema })

const count = { type: "integer", minimum: 0 }
const moment = { type: "string", format: "date-time" }

const headers = {
  "x-request-id": header("The request id: the client's own if valid, else a new one; also in the log"),
  "request-id": header("The request id, as Anthropic's clients expect it"),
  "x-content-type-options": header("Always", { type: "string", const: "nosniff" }),
  "cache-control": header("Responses must not be cached"),
  vary: header("`Origin`, where GATEWAY_CORS_ORIGINS is set"),
  "access-control-allow-origin": header("The caller's origin, where GATEWAY_CORS_ORIGINS lists it"),
  "access-control-expose-headers": header("Headers that a listed origin may read"),
  "www-authenticate": header("The authentication scheme", { type: "string", const: "Bearer" }),
  "retry-after": header("Seconds to wait before a retry", { type: "integer", minimum: 1 }),
  "retry-after-ms": header("The same in milliseconds", { type: "integer", minimum: 1 }),
  "x-not-started": header("`true` if no upstream was asked: the request can be sent again without repeating anything", {
    type: "string",
    const: "true"
  }),
  "x-should-retry": header("`false` if a retry cannot succeed", { type: "string", enum: ["true", "false"] }),
  "x-lingma-instance": header("The instance that answered; absent if a keep-alive was sent before it was known"),
  "x-lingma-emulated": header("`true` when the built-in emulator answered", { type: "string", const: "true" }),
  "x-lingma-ignored-params": header("Request fields that had no effect, comma-separated"),
  "openai-processing-ms": header("Milliseconds until the whole answer", { type: "integer" }),
  "x-accel-buffering": header("Tells proxies not to buffer events", { type: "string", const: "no" }),
  "x-ratelimit-limit-requests": header("Requests that the key may make in a minute, where it has such a limit", count),
  "x-ratelimit-remaining-requests": header("How many of them are left", count),
  "x-ratelimit-reset-requests": header("Until they are whole again, as in `6m0s` or `20ms`"),
  "x-ratelimit-limit-tokens": header("Tokens that the key may use in a day, where it has such a limit", count),
  "x-ratelimit-remaining-tokens": header("How many of them are left", count),
  "x-ratelimit-reset-tokens": header("Until they are whole again, as in `5h3m1s`"),
  "anthropic-ratelimit-requests-limit": header(
    "Requests that the key may make in a minute, where that is limited",
    count
  ),
  "anthropic-ratelimit-requests-remaining": header("How many of them are left", count),
  "anthropic-ratelimit-requests-reset": header("When they are whole again", moment),
  "anthropic-ratelimit-tokens-limit": header("Tokens that the key may use in a day, where that is limited", count),
  "anthropic-ratelimit-tokens-remaining": header("How many of them are left", count),
  "anthropic-ratelimit-tokens-reset": header("When they are whole again", moment)
} as const
type Header = keyof typeof headers

const shared: ReadonlyArray<Header> = [
  "x-request-id",
  "x-content-type-options",
  "cache-control",
  "vary",
  "access-control-allow-origin",
  "access-control-expose-headers"
]
const NOT_STARTED: ReadonlyArray<Header> = ["x-not-started"]
const patient: ReadonlyArray<Header> = ["retry-after", "retry-after-ms", "x-should-retry"]
const ofStatus: Readonly<Record<string, ReadonlyArray<Header>>> = {
  "401": ["www-authenticate"],
  "429": patient,
  "501": ["x-should-retry"],
  "502": ["x-should-retry"],
  "503": patient,
  "529": patient
}
const ofStreams: ReadonlyArray<Header> = [
  "x-lingma-instance",
  "x-lingma-emulated",
  "x-lingma-ignored-params",
  "openai-processing-ms",
  "x-accel-buffering"
]

const isOfLimits = (name: string, prefix: string) => name.startsWith(`${prefix}-ratelimit-`)
/** Of chats whose key has limits. */
const limitsOf = (prefix: "x" | "anthropic") =>
  (Object.keys(headers) as ReadonlyArray<Header>).filter((name) => isOfLimits(name, prefix))
const limits = { x: limitsOf("x"), anthropic: limitsOf("anthropic") }
/** Refused before the key is looked at, or before the chat is counted. */
const uncounted = new Set(["401", "408", "413", "414", "415", "417", "431"])

const ofTag: Readonly<Record<string, ReadonlyArray<Header>>> = { anthropic: ["request-id"] }

const meanings: Readonly<Record<string, string>> = {
  "200": "Success",
  "400": "The request is invalid, or could not be parsed as HTTP",
  "401": "The API key is missing or wrong",
  "403": "The `Host` name, the web origin or the model is not allowed",
  "404": "Not found",
  "408": "The request was not received in time",
  "413": "The body is too large",
  "415": "The body is not application/json, or has an unsupported encoding",
  "429":
    "Too many concurrent requests (`backpressure`), a limit of the key is reached (`rate_limit_exceeded`), or the account's quota is used up (`insufficient_quota`)",
  "414": "The URL is too long",
  "417": "Unsupported `Expect` header; only `100-continue` is supported",
  "422": "What was read is refused, and nothing is changed",
  "431": "The headers are too large",
  "500": "Internal error; the cause is in the log",
  "501": "Not configured in this gateway",
  "502": "The upstream failed, or gave no usable answer",
  "503": "Not available now: starting, signed out, overloaded or shutting down",
  "504": "The upstream gave no answer in time",
  "529": "Too many concurrent requests"
}
/** Statuses that any request may get. */
const anywhere = ["400", "403", "408", "414", "417", "431", "500", "503"]

const EVENTS = "text/event-stream"
const JSON_TYPE = "application/json"
const streamed =
  "As a stream: server-sent events, each the JSON of its `data:` line; lines that begin with a colon keep the connection alive. " +
  "A failure after the first event is one event with the error, and then the end."

const refs = (names: ReadonlyArray<Header>) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

const isStreamed = ({ content }: Answer): boolean => content?.[EVENTS] !== undefined

/** The error schema of this operation. */
const errorOf = ({ responses = {} }: Operation): Json =>
  ["401", "400"]
    .map((status) => responses[status]?.content?.[JSON_TYPE]?.schema)
    .find((schema) => schema !== undefined) ?? { $ref: "#/components/schemas/Error" }

const answer = (status: string, given: Answer, own: ReadonlyArray<Header>): Answer => ({
  ...given,
  description: `${meanings[status] ?? given.description ?? "An answer"}.${isStreamed(given) ? ` ${streamed}` : ""}`,
  headers: refs([
    ...shared,
    ...own,
    ...(status >= "400" ? NOT_STARTED : []),
    ...(ofStatus[status] ?? []),
    ...(isStreamed(given) ? ofStreams : [])
  ])
})

const parameter = (name: string, description: string) => ({
  name,
  in: "header",
  required: false,
  description,
  schema: { type: "string", maxLength: 128 }
})
const requestId = parameter("x-request-id", "A name for the request: letters, digits and `._:-`; it comes back")
const session = parameter("x-session-id", "Keeps the requests of one conversation on one instance")

const words: Readonly<Record<string, string>> = {
  id: "The id of a model; it may hold slashes",
  instance: "The name of an instance, as in `inst-0`",
  browser: "`false` asks for an address for a person"
}

const operation = (given: Operation, path: string): Operation => {
  const error = { content: { [JSON_TYPE]: { schema: errorOf(given) } } }
  const responses = { ...Object.fromEntries(anywhere.map((status) => [status, error])), ...given.responses }
  const tags = given.tags ?? []
  const own = tags.flatMap((tag) => ofTag[tag] ?? [])
  const chats = Object.values(responses).some(isStreamed)
  const counted = chats || path.endsWith("/compact") ? limits[tags.includes("anthropic") ? "anthropic" : "x"] : []
  const headersOf = (status: string) => (uncounted.has(status) ? own : [...own, ...counted])
  return {
    ...given,
    description: given.description ?? `${given.summary ?? "An operation"}.`,
    parameters: [
      ...(given.parameters ?? []).map((one) => ({ description: words[String(one["name"])] ?? one["name"], ...one })),
      requestId,
      ...(chats ? [session] : [])
    ],
    responses: Object.fromEntries(
      Object.entries(responses).map(([status, one]) => [status, answer(status, one, headersOf(status))])
    )
  }
}

const tell = (operationId: string, summary: string, type: string) => ({
  get: {
    tags: ["ops"],
    operationId,
    summary,
    responses: { "200": { content: { [type]: { schema: { type: type === JSON_TYPE ? "object" : "string" } } } } }
  }
})
/** Routes that are not part of `Api`. */
const others = {
  "/openapi.json": tell("ops.openapi", "This description", JSON_TYPE),
  "/docs": tell("ops.docs", "This description, for people", "text/html")
}

const UNUSED = new Set(["HttpApiDecodeError", "Issue", "PropertyKey"])
const isUnused = (value: Json) => value["$ref"] === "#/components/schemas/HttpApiDecodeError"

/** `$id`s that the generator repeats for `unknown` and similar schemas. */
const isOwnId = (key: string, value: unknown) =>
  key === "$id" && typeof value === "string" && value.startsWith("/schemas/")

/** Removes what does not hold here: `additionalProperties: false`, and the platform's own decode error. */
const tidy = (spec: object): Spec =>
  JSON.parse(JSON.stringify(spec), (key, value) => {
    if (UNUSED.has(key) || (key === "additionalProperties" && value === false) || isOwnId(key, value)) return undefined
    if (key === "anyOf") return value.filter((member: Json) => !isUnused(member))
    if (key === "400" && isUnused(value.content["application/json"].schema)) return undefined
    return value
  })

/** The generated description, completed for every operation. */
export const complete = (generated: object): Record<string, unknown> => {
  const spec = tidy(generated)
  return {
    ...spec,
    info: { contact: { name: "Whoever runs this gateway" }, ...spec.info },
    servers: [{ url: "/", description: "This gateway" }],
    tags: (spec.tags ?? [])
      .map((tag) => ({ description: `The routes of ${tag.name}`, ...tag }))
      .sort((a, b) => (a.name < b.name ? -1 : 1)),
    paths: Object.fromEntries(
      Object.entries({ ...spec.paths, ...others }).map(([path, methods]) => [
        path,
        Object.fromEntries(Object.entries(methods).map(([method, one]) => [method, operation(one, path)]))
      ])
    ),
    components: { ...spec.components, headers }
  }
}
