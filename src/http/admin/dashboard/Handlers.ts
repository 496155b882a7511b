/**
 * Handlers of the dashboard: its state, its events, its chats, and figures over time.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Effect, Layer } from "effect"
import { Chat } from "../../../chat/Chat.ts"
import { Pool } from "../../../chat/Pool.ts"
import { GatewayConfig } from "../../../config/Config.ts"
import * as Days from "../../../domain/usage/Days.ts"
import { ChatHistory } from "../../../team/ledger/ChatHistory.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { failure } from "../../dialects/openai/OpenAiFailure.ts"
import { Auth } from "../../edge/Auth.ts"
import { adminKeys } from "../internal/Handlers.ts"
import * as Params from "../Params.ts"
import { Activity } from "./Activity.ts"
import { DashboardApi } from "./Api.ts"
import * as Broadcast from "./Broadcast.ts"
import { ranges } from "./Plots.ts"
import * as PlotsView from "./PlotsView.ts"
import * as Search from "./Search.ts"
import * as Snapshot from "./Snapshot.ts"
import { toRow } from "./ToRow.ts"

const notFound = failure(404, "There is no such chat here", { code: "chat_not_found" })
const notRunning = failure(404, "No such chat is running", { code: "chat_not_found" })
const unreadable = failure(
  503,
  "Chats cannot be read from the ledger at the moment, please retry later",
  { type: "service_unavailable", code: "ledger_unavailable" },
  { "retry-after": "5", "retry-after-ms": "5000" }
)

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(DashboardApi),
  "dashboard",
  Effect.fnUntraced(function* (handlers) {
    const { live } = yield* Chat
    const pool = yield* Pool
    const auth = yield* Auth
    const history = yield* ChatHistory
    const activity = yield* Activity
    const { limitsTimeZone } = yield* GatewayConfig
    const clock = yield* Effect.clock
    const days = Days.make(limitsTimeZone)
    const overview = yield* Snapshot.make
    const broadcast = yield* Broadcast.make(overview)

    /** Who does it, for the log. */
    const by = Effect.map(HttpServerRequest.HttpServerRequest, (request) => auth.administrator(request))

    const chats = Effect.fnUntraced(function* () {
      const asked = yield* Search.read(yield* Params.current, days)
      return yield* Search.page(asked, live.ended(), history)
    })
    const chat = Effect.fnUntraced(function* (id: string) {
      const inMemory = live.ended().find((one) => one.id === id)
      if (inMemory !== undefined) return toRow(Rows.of(inMemory, ""))
      if (history === undefined) return yield* notFound
      const row = yield* Effect.catchAll(history.find(id), (error) =>
        Effect.zipRight(Effect.logWarning("chat not read from the ledger", error), unreadable)
      )
      return row === undefined ? yield* notFound : toRow(row)
    })
    const stop = Effect.fnUntraced(function* (id: string) {
      const stopped = live.stop(id)
      if (stopped === undefined) return yield* notRunning
      const { caller, requestId } = stopped.record
      yield* Effect.annotateLogs(Effect.logInfo("chat stopped"), {
        by: yield* by,
        chat: id,
        stopped_request_id: requestId,
        stopped_key: caller.name
      })
      return { ok: true as const, id, state: "stopped" as const }
    })
    const retry = Effect.fnUntraced(function* (name: string) {
      if (!(yield* pool.retry(name))) return yield* Errors.instanceNotFound(name)
      yield* Effect.annotateLogs(Effect.logInfo("instance tried again"), { by: yield* by, instance: name })
      return { ok: true as const, instance: name, state: "trying" as const }
    })
    const plots = Effect.fnUntraced(function* () {
      const range = yield* Params.one(yield* Params.current, "range", ranges, "3h")
      const instances = (yield* pool.snapshot).map(({ id }) => id)
      return PlotsView.of(range, activity.ring(range), instances, clock.unsafeCurrentTimeMillis())
    })

    return handlers
      .handle("overview", () => overview)
      .handleRaw("events", () =>
        Effect.catchAll(broadcast.response, (failure) => Effect.succeed(Errors.respond(failure)))
      )
      .handle("chats", chats)
      .handle("chat", ({ path }) => chat(path.id))
      .handle("stopChat", ({ path }) => stop(path.id))
      .handle("retryInstance", ({ path }) => retry(path.name))
      .handle("plots", plots)
  })
)

export const DashboardHandlers = handlers.pipe(Layer.provide(adminKeys), Layer.provide(Activity.layer))
