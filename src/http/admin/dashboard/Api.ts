/**
 * Routes of the dashboard: the state of the gateway, at once and live, its chats, and figures over time.
 */
import * as HttpApiEndpoint from "@effect/platform/HttpApiEndpoint"
import * as HttpApiGroup from "@effect/platform/HttpApiGroup"
import * as HttpApiSchema from "@effect/platform/HttpApiSchema"
import * as OpenApi from "@effect/platform/OpenApi"
import { Schema } from "effect"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { AdminKey } from "../internal/Api.ts"
import { ChatList, ChatRow, ChatStopped, InstanceRetried, outcomes, PAGE } from "./ChatRow.ts"
import { Overview } from "./Overview.ts"
import { Plots, ranges } from "./Plots.ts"

/** Read by the handler, which words what is wrong with them. */
const any = (description: string, jsonSchema: object) =>
  Schema.optional(
    Schema.Union(Schema.String, Schema.Array(Schema.String)).annotations({ description, jsonSchema: { ...jsonSchema } })
  )
const text = { type: "string" }
const time = { type: "string", format: "date-time" }

const id = HttpApiSchema.param("id", Schema.String)
const name = HttpApiSchema.param("name", Schema.String)

export class DashboardApi extends HttpApiGroup.make("dashboard")
  .add(
    HttpApiEndpoint.get("overview", "/internal/overview")
      .addSuccess(Overview)
      .annotate(OpenApi.Summary, "The state of the gateway now")
  )
  .add(
    HttpApiEndpoint.get("events", "/internal/events")
      .addSuccess(Schema.String.pipe(HttpApiSchema.withEncoding({ kind: "Text", contentType: "text/event-stream" })))
      .addError(Errors.withStatuses(429, 503))
      .annotate(OpenApi.Summary, "The same live")
      .annotate(
        OpenApi.Description,
        'Event `overview`: an Overview, at once and after a gap. Event `changes`: the same when it has changed, at most once a second, but a stream of which only the tokens have grown is `[place, tokens, tokens_per_second]`, its place being that in the list before. Event `chat`: the ChatRow of a chat that has ended. Event `missed`: `{"chats": n}`, for a reader that was too slow for as many of them.'
      )
  )
  .add(
    HttpApiEndpoint.get("chats", "/internal/chats")
      .setUrlParams(
        Schema.Struct({
          limit: any("Most rows of a page", { type: "integer", minimum: 1, maximum: PAGE.most, default: PAGE.usual }),
          before: any("`next` of the page before", text),
          key: any("Only of the key of this name", text),
          model: any("Only those that this model answered, or that asked for it", text),
          outcome: any("Only those that ended so", { type: "string", enum: outcomes }),
          instance: any("Only of this instance", text),
          id: any("Only those whose request id, or id, contains this text", text),
          since: any("Only those that ended at this time or later", time),
          until: any("Only those that ended before this time", time)
        })
      )
      .addSuccess(ChatList)
      .addError(Errors.withStatus(400))
      .annotate(OpenApi.Summary, "Chats that have ended, the newest first")
  )
  .add(
    HttpApiEndpoint.get("chat")`/internal/chats/${id}`
      .addSuccess(ChatRow)
      .addError(Errors.withStatuses(404, 503))
      .annotate(OpenApi.Summary, "One of them")
  )
  .add(
    HttpApiEndpoint.post("stopChat")`/internal/chats/${id}/stop`
      .addSuccess(ChatStopped)
      .addError(Errors.withStatus(404))
      .annotate(OpenApi.Summary, "Stops a running chat; its client is told so")
  )
  .add(
    HttpApiEndpoint.post("retryInstance")`/internal/instances/${name}/retry`
      .addSuccess(InstanceRetried)
      .addError(Errors.withStatus(404))
      .annotate(OpenApi.Summary, "Forgets why an instance rests, and has it try again now")
  )
  .add(
    HttpApiEndpoint.get("plots", "/internal/plots")
      .setUrlParams(Schema.Struct({ range: any("How far back", { type: "string", enum: ranges, default: "3h" }) }))
      .addSuccess(Plots)
      .addError(Errors.withStatus(400))
      .annotate(OpenApi.Summary, "Figures over time")
  )
  .annotate(OpenApi.Description, "For administrators: what happens here, and what has happened")
  .middleware(AdminKey) {}
