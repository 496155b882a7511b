/**
 * Routes and schemas of conversations. No handlers here, so clients can import it.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "./Errors.ts"
import { Loose, opt } from "./request/Loose.ts"
import { Item, Metadata } from "./request/Payload.ts"

/** Max number of items per request. */
export const MOST_ITEMS = 20

export const Create = Schema.Struct({
  items: opt(Schema.Array(Item).pipe(Schema.maxItems(MOST_ITEMS))),
  metadata: opt(Metadata)
}).annotations({ identifier: "ConversationCreate" })

export const Update = Schema.Struct({ metadata: Schema.NullOr(Metadata) }).annotations({
  identifier: "ConversationUpdate"
})

export const AddItems = Schema.Struct({
  items: Schema.Array(Item).pipe(Schema.maxItems(MOST_ITEMS))
}).annotations({ identifier: "ConversationItemsAdd" })

const Conversation = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("conversation"),
  created_at: Schema.Int,
  metadata: Schema.Record({ key: Schema.String, value: Schema.String })
}).annotations({ identifier: "Conversation" })

const Deleted = Schema.Struct({
  id: Schema.String,
  object: Schema.Literal("conversation.deleted"),
  deleted: Schema.Literal(true)
}).annotations({ identifier: "ConversationDeleted" })

const ItemList = Schema.Struct({
  object: Schema.Literal("list"),
  data: Schema.Array(Loose),
  first_id: Schema.NullOr(Schema.String),
  last_id: Schema.NullOr(Schema.String),
  has_more: Schema.Boolean
}).annotations({ identifier: "ConversationItemList" })

const id = HttpApiSchema.param("id", Schema.String)
const item = HttpApiSchema.param("item", Schema.String)

const [wrong, absent, large, media] = [400, 404, 413, 415].map(Errors.withStatus) as [
  ReturnType<typeof Errors.withStatus>,
  ReturnType<typeof Errors.withStatus>,
  ReturnType<typeof Errors.withStatus>,
  ReturnType<typeof Errors.withStatus>
]

export const create = HttpApiEndpoint.post("createConversation", "/v1/conversations")
  .setPayload(Create)
  .addSuccess(Conversation)
  .addError(wrong)
  .addError(absent)
  .addError(large)
  .addError(media)
  .annotate(OpenApi.Summary, "Begins a conversation that is held here")

export const retrieve = HttpApiEndpoint.get("conversation")`/v1/conversations/${id}`
  .addSuccess(Conversation)
  .addError(absent)
  .annotate(OpenApi.Summary, "A conversation that is still held in memory")

export const update = HttpApiEndpoint.post("updateConversation")`/v1/conversations/${id}`
  .setPayload(Update)
  .addSuccess(Conversation)
  .addError(wrong)
  .addError(absent)
  .addError(large)
  .addError(media)
  .annotate(OpenApi.Summary, "Changes the metadata of a conversation")

export const remove = HttpApiEndpoint.del("deleteConversation")`/v1/conversations/${id}`
  .addSuccess(Deleted)
  .addError(absent)
  .annotate(OpenApi.Summary, "Forgets a conversation and its items")

export const addItems = HttpApiEndpoint.post("addConversationItems")`/v1/conversations/${id}/items`
  .setPayload(AddItems)
  .addSuccess(ItemList)
  .addError(wrong)
  .addError(absent)
  .addError(large)
  .addError(media)
  .annotate(OpenApi.Summary, "Adds items to a conversation")

export const listItems = HttpApiEndpoint.get("conversationItems")`/v1/conversations/${id}/items`
  .addSuccess(ItemList)
  .addError(wrong)
  .addError(absent)
  .annotate(OpenApi.Summary, "The items of a conversation, the newest first: by after, limit and order")

export const oneItem = HttpApiEndpoint.get("conversationItem")`/v1/conversations/${id}/items/${item}`
  .addSuccess(Loose)
  .addError(absent)
  .annotate(OpenApi.Summary, "An item of a conversation")

export const removeItem = HttpApiEndpoint.del("deleteConversationItem")`/v1/conversations/${id}/items/${item}`
  .addSuccess(Conversation)
  .addError(absent)
  .annotate(OpenApi.Summary, "Forgets an item of a conversation")
