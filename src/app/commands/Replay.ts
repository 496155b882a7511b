/**
 * Command `lingma-gateway replay`: sends the body of a request that was looked into again, as an ordinary request.
 */
import { randomBytes } from "node:crypto"
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import { Clock, Effect, Option, Redacted, Schema } from "effect"
import * as Config from "../../config/Config.ts"
import * as AnswerText from "../../domain/inspect/AnswerText.ts"
import * as Running from "../running/Running.ts"
import * as Progress from "../screen/Progress.ts"
import * as ReplayScreen from "../screen/ReplayScreen.ts"
import * as House from "./House.ts"

const Text = Schema.NullOr(Schema.String)
const Count = Schema.NullOr(Schema.Number)

/** What is needed of a record; a row of `/internal/chats` tells the same of the new answer. */
const figures = {
  outcome: Schema.String,
  model_asked: Text,
  model: Text,
  instance: Text,
  error: Text,
  first_token_ms: Count,
  total_ms: Schema.Number,
  prompt_tokens: Count,
  completion_tokens: Count
}
const Recorded = Schema.Struct({
  ...figures,
  id: Schema.String,
  key: Schema.String,
  method: Schema.String,
  path: Schema.String,
  status: Schema.NullOr(Schema.Int),
  request: Schema.Struct({
    headers: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
    body: Schema.Unknown,
    truncated: Schema.Boolean,
    media_left_out: Schema.Int,
    secrets_masked: Schema.Int,
    runnable: Schema.Boolean
  }),
  answer: Schema.Struct({ text: Schema.String })
})
type Recorded = typeof Recorded.Type
const Rows = Schema.Struct({ data: Schema.Array(Schema.Struct(figures)) })

/** Why a body cannot be sent again, if it cannot. */
const unfit = ({ request: { body, media_left_out, runnable, truncated } }: Recorded): string | undefined => {
  if (runnable) return undefined
  if (truncated) return "its body was too long to be kept whole"
  return media_left_out > 0
    ? "the pictures or documents in its body were not kept"
    : body === null
      ? "its body could not be read"
      : "its body was not kept whole"
}

/** Headers that say how the body is meant. */
const MEANT = /^(?:anthropic-(?:version|beta)|openai-beta)$/i

const headersOf = ({ request }: Recorded, id: string, key: Redacted.Redacted | undefined): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      MEANT.test(name) && typeof value === "string" ? [[name, value]] : []
    )
  ),
  "content-type": "application/json",
  "x-request-id": id,
  ...(key === undefined ? {} : { authorization: `Bearer ${Redacted.value(key)}` })
})

const bodyOf = ({ request: { body } }: Recorded, model: Option.Option<string>): string =>
  JSON.stringify({ ...(body as object), ...(Option.isSome(model) ? { model: model.value } : {}) })

/** A request like any other: by a key of API_KEYS, where there is one, since an admin key alone may not chat. */
const send = (base: string, recorded: Recorded, body: string, headers: Record<string, string>) =>
  Effect.tryPromise(async (signal) => {
    const response = await fetch(base + recorded.path, { method: "POST", headers, body, redirect: "manual", signal })
    return { status: response.status, raw: await response.text() }
  }).pipe(
    Effect.timeout("30 minutes"),
    Effect.mapError(() => new Running.Unreachable({ base, message: `the answer of ${base} broke off` }))
  )

/** The chat is told a moment after its last byte; one that was refused before it began is not. */
const rowOf = (gateway: Running.Gateway, id: string) =>
  Running.read(gateway, `/internal/chats?${new URLSearchParams({ id, limit: "1" })}`, Rows).pipe(
    Effect.map(({ data }) => data[0]),
    Effect.zipLeft(Effect.sleep("50 millis")),
    Effect.repeat({ until: (row) => row !== undefined, times: 20 })
  )

const replay = Effect.fnUntraced(function* (id: string, model: Option.Option<string>) {
  const settings = yield* Config.checked
  const gateway = Running.of(settings)
  const recorded = yield* Running.read(gateway, `/internal/inspect/${encodeURIComponent(id)}`, Recorded)
  const reason = unfit(recorded)
  if (reason !== undefined) return yield* House.ended(House.FAILED, `${id} cannot be sent again: ${reason}`)
  // Which says in logs and lists what it is.
  const again = `replay-${randomBytes(4).toString("hex")}-${id}`.slice(0, 128)
  const headers = headersOf(recorded, again, settings.apiKeys[0] ?? gateway.key)
  const began = yield* Clock.currentTimeNanos
  const sent = send(gateway.base, recorded, bodyOf(recorded, model), headers)
  const { raw, status } = yield* Progress.during("waiting for the answer", sent)
  const millis = Number((yield* Clock.currentTimeNanos) - began) / 1e6
  if (status === 401) {
    return yield* House.ended(House.FAILED, "a chat needs an API key: set API_KEYS to one that the gateway knows")
  }
  const row = yield* rowOf(gateway, again)
  const plain = {
    model_asked: Option.getOrElse(model, () => recorded.model_asked),
    model: null,
    instance: null,
    error: null
  }
  const none = { first_token_ms: null, total_ms: millis, prompt_tokens: null, completion_tokens: null }
  const { answer, request: _, ...first } = recorded
  return {
    id: again,
    of: id,
    path: recorded.path,
    key: recorded.key,
    secrets: recorded.request.secrets_masked,
    first: { ...first, text: answer.text },
    again: {
      ...(row ?? { outcome: status < 400 ? "completed" : "failed", ...plain, ...none }),
      status,
      text: AnswerText.of(raw)
    }
  }
})

const id = Args.text({ name: "id" }).pipe(Args.withDescription("the request id of a record"))
const model = Options.text("model").pipe(Options.withDescription("ask this model instead"), Options.optional)
const { file, json } = House

export const command = Command.make("replay", { id, model, file, json }, ({ file, id, json, model }) =>
  replay(id, model).pipe(
    Effect.tap(({ again, first, id: newId, key, of, path, secrets }) =>
      json
        ? House.printJson({ ok: again.outcome === "completed", id: newId, of, first, again })
        : House.printLines([
            ...ReplayScreen.render(`${of}  ${path}  ${key}, sent again as ${newId}`, first, again),
            ...(secrets > 0 ? ["", `${secrets} secrets in the body were masked, so what was sent differs there.`] : [])
          ])
    ),
    Effect.flatMap(({ again }) => (again.outcome === "completed" ? Effect.void : House.ended(House.FAILED))),
    Effect.catchTags({
      Unreachable: ({ message }) => House.ended(House.FAILED, message),
      Refused: ({ message }) => House.ended(House.FAILED, message)
    }),
    (effect) => House.withSettings(effect, file)
  )
).pipe(Command.withDescription("send a request that was looked into again, and print both answers"))
