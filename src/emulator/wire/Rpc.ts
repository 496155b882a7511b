/**
 * JSON-RPC server: dispatches methods, validates params, sends replies.
 */
import { Either, ParseResult, Schema } from "effect"
import type { Link, Message } from "../world/Link.ts"
import type { World } from "../world/World.ts"

export type Reply =
  | { readonly _tag: "Result"; readonly value: unknown; readonly after?: (() => void) | undefined }
  /** A reply without the `result` key. */
  | { readonly _tag: "Bare"; readonly after: () => void }
  | { readonly _tag: "Failure"; readonly code: number; readonly message: string }
  | { readonly _tag: "Silence" }

export const result = (value: unknown, after?: () => void): Reply => ({ _tag: "Result", value, after })
export const bare = (after: () => void): Reply => ({ _tag: "Bare", after })
export const failure = (message: string, code = -32603): Reply => ({ _tag: "Failure", code, message })
export const silence: Reply = { _tag: "Silence" }
/** Error for a client that is not signed in, whatever auth/status says. */
export const authRequired = failure("Authentication required: please sign in", -32000)

export type Params = Readonly<Record<string, unknown>>
/** `notified`: the call has no id, so there is no reply. */
export type Method = (params: Params, link: Link, notified: boolean) => Reply
export type Methods = Readonly<Record<string, Method>>

/** Fields as Go decodes them: absent or null is the zero value, anything else must have the type. */
export const Go = {
  string: Schema.optionalWith(Schema.String, { nullable: true, default: () => "" }),
  number: Schema.optionalWith(Schema.Number, { nullable: true, default: () => 0 }),
  boolean: Schema.optionalWith(Schema.Boolean, { nullable: true, default: () => false }),
  map: Schema.optionalWith(Schema.Record({ key: Schema.String, value: Schema.Unknown }), {
    nullable: true,
    default: () => ({})
  }),
  list: Schema.optionalWith(Schema.Array(Schema.Unknown), { nullable: true, default: () => [] })
}

export const method = <A, I>(
  shape: Schema.Schema<A, I>,
  run: (params: A, link: Link, raw: Params, notified: boolean) => Reply
): Method => {
  const decode = Schema.decodeUnknownEither(shape)
  return (raw, link, notified) =>
    Either.match(decode(raw), {
      onLeft: (error) => {
        const issue = ParseResult.ArrayFormatter.formatErrorSync(error)[0]
        return failure(`json: cannot unmarshal into Go struct field ${issue?.path.join(".") ?? ""}`, -32602)
      },
      onRight: (params) => run(params, link, raw, notified)
    })
}

const kindOf = (value: unknown): string => (Array.isArray(value) ? "array" : typeof value)

const paramsOf = (given: unknown): Params | string => {
  if (given === undefined || given === null) return "unexpected end of JSON input"
  if (typeof given === "object" && !Array.isArray(given)) return given as Params
  return `json: cannot unmarshal ${kindOf(given)} into Go value of type definition.EmptyRequest`
}

/** Sends a reply with an unknown id. */
export const wrongReply = (link: Link): void =>
  link.send('{"jsonrpc":"2.0","id":987654321,"result":{"sessionId":"nobody"}}')

/** Handles a connection's requests; all others are rejected before `initialize`. */
export const makeServer = (world: World, methods: Methods) => {
  const initialized = new WeakSet<Link>()
  const dispatch = (name: string, params: unknown, link: Link, notified: boolean): Reply => {
    const found = Object.hasOwn(methods, name) ? methods[name] : undefined
    if (found === undefined) {
      world.log(`unknown method: ${name}`)
      return failure(`unknown method: ${name}`, -32601)
    }
    if (!initialized.has(link) && name !== "initialize") return failure("server not initialized", -32002)
    const read = paramsOf(params)
    if (typeof read === "string") return failure(read, -32602)
    if (name === "initialize") initialized.add(link)
    world.calls.set(name, (world.calls.get(name) ?? 0) + 1)
    return found(read, link, notified)
  }
  return (link: Link, message: Message): void => {
    const notified = message.id === undefined || message.id === null
    const reply = dispatch(message.method ?? "", message.params, link, notified)
    if (!notified) {
      const head = `{"jsonrpc":"2.0","id":${JSON.stringify(message.id)}`
      if (reply._tag === "Result") link.send(`${head},"result":${JSON.stringify(reply.value)}}`)
      else if (reply._tag === "Bare") link.send(`${head}}`)
      else if (reply._tag === "Failure") {
        link.send(`${head},"error":${JSON.stringify({ code: reply.code, message: reply.message })}}`)
      }
    }
    if (reply._tag === "Result" || reply._tag === "Bare") reply.after?.()
  }
}
