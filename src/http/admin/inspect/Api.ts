/**
 * Routes for looking into requests: switched on and off, what was kept listed, one record shown, all forgotten.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import { AdminKey } from "../internal/Api.ts"
import { InspectState, Mode } from "./State.ts"

const described = (description: string) => ({ description })
const Text = Schema.NullOr(Schema.String)
const Count = Schema.NullOr(Schema.Number)

export const LONGEST_MINUTES = 720 * 60
/** Most heads of a list. */
export const PAGE = { usual: 100, most: 500 } as const

export const InspectSwitch = Schema.Struct({
  mode: Mode,
  key: Schema.optional(
    Schema.NullOr(Schema.String.pipe(Schema.maxLength(128))).annotations(
      described("Only requests of the key of this name")
    )
  ),
  minutes: Schema.optional(
    Schema.NullOr(Schema.Int.pipe(Schema.between(1, LONGEST_MINUTES))).annotations(
      described("After which it ends by itself; an hour where it is not named, INSPECT_HOURS at most")
    )
  )
}).annotations({ identifier: "InspectSwitch" })

const head = {
  id: Schema.String.annotations(described("The request id")),
  chat_ids: Schema.Array(Schema.String).annotations(described("Of its rows in /internal/chats")),
  started_at: Schema.String,
  key: Schema.String,
  method: Schema.String,
  path: Schema.String,
  model_asked: Text,
  model: Text.annotations(described("Null where no answer began")),
  instance: Text,
  outcome: Schema.Literal("completed", "failed", "cancelled", "rejected"),
  status: Schema.NullOr(Schema.Int).annotations(described("Null where none was sent")),
  error_code: Text,
  error: Text,
  first_token_ms: Count,
  total_ms: Schema.Number,
  prompt_tokens: Count,
  completion_tokens: Count
}

export const InspectHead = Schema.Struct(head).annotations({ identifier: "InspectHead" })

export const InspectList = Schema.Struct({
  object: Schema.Literal("list"),
  state: InspectState,
  data: Schema.Array(InspectHead).annotations(described("The newest first, without bodies")),
  total: Schema.Int.annotations(described("Of all records")),
  bytes: Schema.Int.annotations(described("That they take, of INSPECT_MB")),
  hours: Schema.Number.annotations(described("How long each is kept: INSPECT_HOURS"))
}).annotations({ identifier: "InspectList" })

const Push = Schema.Struct({
  at_ms: Schema.Number.annotations(described("Since the request came")),
  kind: Schema.String.annotations(described("text, thought, or the method of a push")),
  pieces: Schema.Int.annotations(described("Pushes of text in a row are one entry; 0 for other pushes")),
  text: Schema.String
}).annotations({ identifier: "InspectPush" })

const Question = Schema.Struct({
  at_ms: Schema.Number,
  instance: Schema.String,
  model: Schema.String,
  mode: Schema.String,
  images: Schema.Int.annotations(described("That went with the prompt; they are not kept")),
  prompt: Schema.String,
  pushes: Schema.Array(Push),
  pushes_left_out: Schema.Int
}).annotations({ identifier: "InspectQuestion" })

export const InspectRecord = Schema.Struct({
  ...head,
  request: Schema.Struct({
    headers: Schema.Unknown.annotations(described("By their names, secrets masked")),
    body: Schema.Unknown.annotations(described("Null where none could be read")),
    truncated: Schema.Boolean,
    media_left_out: Schema.Int.annotations(described("Pictures and documents, in whose place is their size")),
    secrets_masked: Schema.Int,
    runnable: Schema.Boolean.annotations(described("Whether the body is whole, so that it can be sent again"))
  }),
  questions: Schema.Array(Question).annotations(
    described("What the upstream was asked, and what it pushed: several where it was asked again")
  ),
  answer: Schema.Struct({
    status: Schema.NullOr(Schema.Int),
    content_type: Text,
    body: Schema.String.annotations(described("As it went to the client")),
    truncated: Schema.Boolean,
    text: Schema.String.annotations(described("What the model said in it"))
  })
}).annotations({ identifier: "InspectRecord" })

export const InspectForgotten = Schema.Struct({
  ok: Schema.Literal(true),
  forgotten: Schema.Int,
  state: InspectState
}).annotations({ identifier: "InspectForgotten" })

/** Read by the handler, which words what is wrong with them. */
const any = (description: string, jsonSchema: object) =>
  Schema.optional(
    Schema.Union(Schema.String, Schema.Array(Schema.String)).annotations({ description, jsonSchema: { ...jsonSchema } })
  )

const id = HttpApiSchema.param("id", Schema.String)

export class InspectApi extends HttpApiGroup.make("inspect")
  .add(
    HttpApiEndpoint.get("inspections", "/internal/inspect")
      .setUrlParams(
        Schema.Struct({
          id: any("Only the record of this request id", { type: "string" }),
          key: any("Only those of the key of this name", { type: "string" }),
          limit: any("Most heads", { type: "integer", minimum: 1, maximum: PAGE.most, default: PAGE.usual })
        })
      )
      .addSuccess(InspectList)
      .addError(Errors.withStatus(400))
      .annotate(OpenApi.Summary, "Whether requests are looked into, and which records there are")
  )
  .add(
    HttpApiEndpoint.put("switchInspection", "/internal/inspect")
      .setPayload(InspectSwitch)
      .addSuccess(InspectState)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody))
      .annotate(OpenApi.Summary, "Switches looking into requests on, for some time, or off; it is logged by whom")
  )
  .add(
    HttpApiEndpoint.del("forgetInspections", "/internal/inspect")
      .addSuccess(InspectForgotten)
      .annotate(OpenApi.Summary, "Switches it off, and forgets all records")
  )
  .add(
    HttpApiEndpoint.get("inspection")`/internal/inspect/${id}`
      .addSuccess(InspectRecord)
      .addError(Errors.withStatus(404))
      .annotate(OpenApi.Summary, "One request: as it came, the prompts, the pushes, and the answer as it went out")
  )
  .annotate(OpenApi.Description, "For administrators: what single requests and their answers held")
  .middleware(AdminKey) {}
