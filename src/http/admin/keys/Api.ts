/**
 * Routes for named keys: made, shown, changed, rotated and revoked by administrators.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import * as DeclaredErrors from "../../edge/DeclaredErrors.ts"
import { AdminKey } from "../internal/Api.ts"

const LONGEST = 128
const MOST = 100

const Text = Schema.String.pipe(Schema.maxLength(LONGEST))
const Count = Schema.NullOr(Schema.Int.pipe(Schema.positive()))
const described = (description: string) => ({ description })

const Granted = {
  tokens_per_day: Count.annotations(described("Null: no limit")),
  requests_per_minute: Count.annotations(described("Null: no limit")),
  max_in_flight: Count.annotations(described("Most of its chats at once; null: no limit")),
  weight: Schema.Number.annotations(described("Its share beside other keys while not all can be served at once")),
  models: Schema.Array(Text)
    .pipe(Schema.maxItems(MOST))
    .annotations(described("Patterns of names of models, * for any text; empty: all of them")),
  expires: Schema.NullOr(Text).annotations(described("A date, or a date with a time")),
  admin: Schema.Boolean.annotations(described("Whether it may call /internal/*"))
}

const Changes = {
  tokens_per_day: Schema.optional(Granted.tokens_per_day),
  requests_per_minute: Schema.optional(Granted.requests_per_minute),
  max_in_flight: Schema.optional(Granted.max_in_flight),
  weight: Schema.optional(Granted.weight),
  models: Schema.optional(Granted.models),
  expires: Schema.optional(Granted.expires),
  admin: Schema.optional(Granted.admin)
}

export const KeyCreate = Schema.Struct({ name: Text, ...Changes }).annotations({ identifier: "KeyCreate" })
export const KeyChanges = Schema.Struct(Changes).annotations({ identifier: "KeyChanges" })

const LONGEST_GRACE = 366 * 86_400

export const KeyRotation = Schema.Struct({
  grace_seconds: Schema.optional(
    Schema.Int.pipe(Schema.between(0, LONGEST_GRACE)).annotations(described("How long the secret before it goes on"))
  )
}).annotations({ identifier: "KeyRotation" })

const Shown = {
  id: Schema.String,
  name: Schema.String,
  source: Schema.Literal("database", "file", "settings").annotations(
    described("Where it is named: only those of the database can be changed here")
  ),
  last_four: Schema.NullOr(Schema.String),
  ...Granted,
  created: Schema.NullOr(Schema.String),
  last_used: Schema.NullOr(Schema.String)
}

export const KeyObject = Schema.Struct(Shown).annotations({ identifier: "Key" })

export const KeyMade = Schema.Struct({
  ...Shown,
  key: Schema.String.annotations(described("The key itself, told this once")),
  warnings: Schema.Array(Schema.String)
}).annotations({ identifier: "KeyMade" })

export const KeyList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(KeyObject),
  total: Schema.Int.annotations(described("Of all pages")),
  next: Schema.NullOr(Schema.String).annotations(described("`after` of the next page; null at the end"))
}).annotations({
  identifier: "KeyList"
})

/** Most keys of a page; without `limit` all of them are told. */
export const MOST_KEYS = 500

/** Read by the handler, which words what is wrong with them. */
const any = (description: string, jsonSchema: object) =>
  Schema.optional(
    Schema.Union(Schema.String, Schema.Array(Schema.String)).annotations({ description, jsonSchema: { ...jsonSchema } })
  )

const name = HttpApiSchema.param("name", Schema.String)

export class KeysApi extends HttpApiGroup.make("keys")
  .add(
    HttpApiEndpoint.get("keys", "/internal/keys")
      .setUrlParams(
        Schema.Struct({
          search: any("Only keys whose name, id or last characters contain this text", { type: "string" }),
          limit: any("Most keys of a page; without it, all of them", {
            type: "integer",
            minimum: 1,
            maximum: MOST_KEYS
          }),
          after: any("`next` of the page before", { type: "string" })
        })
      )
      .addSuccess(KeyList)
      .addError(Errors.withStatuses(400, 503))
      .annotate(OpenApi.Summary, "The keys, without their secrets")
  )
  .add(
    HttpApiEndpoint.post("createKey", "/internal/keys")
      .setPayload(KeyCreate)
      .addSuccess(KeyMade)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody, 409, 503))
      .annotate(OpenApi.Summary, "Makes a key and tells it, once")
  )
  .add(
    HttpApiEndpoint.get("key")`/internal/keys/${name}`
      .addSuccess(KeyObject)
      .addError(Errors.withStatuses(404, 503))
      .annotate(OpenApi.Summary, "One key")
  )
  .add(
    HttpApiEndpoint.post("changeKey")`/internal/keys/${name}`
      .setPayload(KeyChanges)
      .addSuccess(KeyObject)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody, 404, 409, 503))
      .annotate(OpenApi.Summary, "Changes what a key may; what is not named stays")
  )
  .add(
    HttpApiEndpoint.post("rotateKey")`/internal/keys/${name}/rotate`
      .setPayload(KeyRotation)
      .addSuccess(KeyMade)
      .addError(Errors.withStatuses(...DeclaredErrors.ofBody, 404, 409, 503))
      .annotate(OpenApi.Summary, "Replaces the secret of a key and tells the new one, once")
  )
  .add(
    HttpApiEndpoint.del("revokeKey")`/internal/keys/${name}`
      .addSuccess(KeyObject)
      .addError(Errors.withStatuses(404, 409, 503))
      .annotate(OpenApi.Summary, "Ends a key for good")
  )
  .annotate(OpenApi.Description, "For administrators: named keys and their limits")
  .middleware(AdminKey) {}
