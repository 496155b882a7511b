/**
 * What the generator of `/openapi.json` leaves out: the headers, the failures that any request may meet, and words.
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

const headers = {
  "x-request-id": header("The client's own when it was a decent one, else a new one; the same in the log"),
  "request-id": header("The same, where Anthropic's clients look for it"),
  "x-content-type-options": header("Always", { type: "string", const: "nosniff" }),
  "cache-control": header("Answers are not for caches"),
  vary: header("`Origin`, where GATEWAY_CORS_ORIGINS is set"),
  "access-control-allow-origin": header("The caller's origin, where GATEWAY_CORS_ORIGINS lists it"),
  "access-control-expose-headers": header("What a listed origin may read"),
  "www-authenticate": header("How a key is sent", { type: "string", const: "Bearer" }),
  "retry-after": header("Seconds after which another try is sensible", { type: "integer", minimum: 1 }),
  "retry-after-ms": header("The same in milliseconds", { type: "integer", minimum: 1 }),
  "x-should-retry": header("`false` where another try cannot help", { type: "string", enum: ["true", "false"] }),
  "x-lingma-instance": header("Which instance answered; not there when a keep-alive had to go out before it was known"),
  "x-lingma-emulated": header("`true` when the built-in emulator answered", { type: "string", const: "true" }),
  "x-lingma-ignored-params": header("Fields of the request that were not made use of, by comma"),
  "openai-processing-ms": header("Milliseconds until the whole answer", { type: "integer" }),
  "x-accel-buffering": header("Asks proxies to pass events on at once", { type: "string", const: "no" })
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

const ofTag: Readonly<Record<string, ReadonlyArray<Header>>> = { anthropic: ["request-id"] }

const meanings: Readonly<Record<string, string>> = {
  "200": "Done",
  "400": "The request is not as it has to be, or could not be read as HTTP",
  "401": "No key, or a wrong one",
  "403": "The name in `Host`, or the web origin, may not call this server",
  "404": "What was named is not there",
  "408": "The request did not arrive in time",
  "413": "The body is too large",
  "415": "The body is not plain application/json",
  "429": "No place became free in time (`backpressure`), or the account's quota is used up (`insufficient_quota`)",
  "414": "The URL is too long",
  "417": "Another `expect` than `100-continue`",
  "431": "The headers are too large",
  "500": "A bug; what it was is in the log",
  "501": "The gateway is not set up for it",
  "502": "Lingma answered with a failure, or with nothing that can be used",
  "503": "Nobody can answer now: starting, signed out, or going down",
  "504": "Lingma gave no answer in time",
  "529": "No place became free in time"
}
/** Whatever is asked. */
const anywhere = ["400", "403", "408", "414", "417", "431", "500", "503"]

const EVENTS = "text/event-stream"
const JSON_TYPE = "application/json"
const streamed =
  "As a stream: server-sent events, each the JSON of its `data:` line; lines that begin with a colon keep the connection alive. " +
  "A failure after the first event is one event with the error, and then the end."

const refs = (names: ReadonlyArray<Header>) =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]))

const isStreamed = ({ content }: Answer): boolean => content?.[EVENTS] !== undefined

/** The shape in which this operation tells its failures. */
const errorOf = ({ responses = {} }: Operation): Json =>
  ["401", "400"]
    .map((status) => responses[status]?.content?.[JSON_TYPE]?.schema)
    .find((schema) => schema !== undefined) ?? { $ref: "#/components/schemas/Error" }

const answer = (status: string, given: Answer, own: ReadonlyArray<Header>): Answer => ({
  ...given,
  description: `${meanings[status] ?? given.description ?? "An answer"}.${isStreamed(given) ? ` ${streamed}` : ""}`,
  headers: refs([...shared, ...own, ...(ofStatus[status] ?? []), ...(isStreamed(given) ? ofStreams : [])])
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

const operation = (given: Operation): Operation => {
  const error = { content: { [JSON_TYPE]: { schema: errorOf(given) } } }
  const responses = { ...Object.fromEntries(anywhere.map((status) => [status, error])), ...given.responses }
  const own = (given.tags ?? []).flatMap((tag) => ofTag[tag] ?? [])
  const chats = Object.values(responses).some(isStreamed)
  return {
    ...given,
    description: given.description ?? `${given.summary ?? "An operation"}.`,
    parameters: [
      ...(given.parameters ?? []).map((one) => ({ description: words[String(one["name"])] ?? one["name"], ...one })),
      requestId,
      ...(chats ? [session] : [])
    ],
    responses: Object.fromEntries(Object.entries(responses).map(([status, one]) => [status, answer(status, one, own)]))
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
/** Routes that are not part of the API's own definition. */
const others = {
  "/openapi.json": tell("ops.openapi", "This description", JSON_TYPE),
  "/docs": tell("ops.docs", "This description, for people", "text/html")
}

const UNUSED = new Set(["HttpApiDecodeError", "Issue", "PropertyKey"])
const isUnused = (value: Json) => value["$ref"] === "#/components/schemas/HttpApiDecodeError"

/** Names that the generator gives to `unknown` and its like, each many times. */
const isOwnId = (key: string, value: unknown) =>
  key === "$id" && typeof value === "string" && value.startsWith("/schemas/")

/** Unknown fields are ignored, and platform's own decode error is never answered here: the generator says otherwise. */
const tidy = (spec: object): Spec =>
  JSON.parse(JSON.stringify(spec), (key, value) => {
    if (UNUSED.has(key) || (key === "additionalProperties" && value === false) || isOwnId(key, value)) return undefined
    if (key === "anyOf") return value.filter((member: Json) => !isUnused(member))
    if (key === "400" && isUnused(value.content["application/json"].schema)) return undefined
    return value
  })

/** The generator's description, with everything that holds for each operation. */
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
        Object.fromEntries(Object.entries(methods).map(([method, one]) => [method, operation(one)]))
      ])
    ),
    components: { ...spec.components, headers }
  }
}
