/**
 * Handlers of looking into requests. Who switches it, and who looks at a record, is logged.
 */
import * as HttpApi from "@effect/platform/HttpApi"
import * as HttpApiBuilder from "@effect/platform/HttpApiBuilder"
import * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Duration, Effect, Either, Layer, Option } from "effect"
import { LiveSettings } from "../../../config/LiveSettings.ts"
import * as Body from "../../chat/Body.ts"
import * as Decode from "../../chat/Decode.ts"
import { Inspector } from "../../chat/inspect/Inspector.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import { failure } from "../../dialects/openai/OpenAiFailure.ts"
import { Auth } from "../../edge/Auth.ts"
import { adminKeys } from "../internal/Handlers.ts"
import { answered } from "../internal/LoginHandlers.ts"
import * as Params from "../Params.ts"
import { InspectApi, InspectSwitch, PAGE } from "./Api.ts"
import { toState } from "./State.ts"

const BODY_LIMIT = 64 * 1024
const LONGEST = 256
const USUAL_MINUTES = 60

const notKept = (mode: string) =>
  failure(
    404,
    mode === "off"
      ? "Nothing is kept of this request: looking into requests is off. Switch it on (PUT /internal/inspect, or INSPECT), and send the request again"
      : `Nothing is kept of this request: it came before this was switched on, ${mode === "errors" ? "it did not fail, " : ""}it was of another key, or its record has gone (INSPECT_HOURS, INSPECT_MB)`,
    { code: "not_inspected" }
  )

const decode = Decode.reader(InspectSwitch)

const handlers = HttpApiBuilder.group(
  HttpApi.make("lingma-gateway").add(InspectApi),
  "inspect",
  Effect.fnUntraced(function* (handlers) {
    const inspector = yield* Inspector
    const auth = yield* Auth
    const live = yield* LiveSettings.get
    const state = () => toState(inspector.state())

    /** Who does it, for the log. */
    const by = Effect.map(HttpServerRequest.HttpServerRequest, (request) => ({
      by: auth.administrator(request),
      address: Option.getOrElse(request.remoteAddress, () => "unknown")
    }))
    const log = (text: string, more: Record<string, unknown>, isWarning = false) =>
      Effect.flatMap(by, (who) =>
        Effect.annotateLogs(isWarning ? Effect.logWarning(text) : Effect.logInfo(text), { ...who, ...more })
      )

    const list = Effect.fnUntraced(function* () {
      const params = yield* Params.current
      const id = yield* Params.text(params, "id", LONGEST)
      const key = yield* Params.text(params, "key", LONGEST)
      const limit = Option.getOrElse(yield* Params.integer(params, "limit", 1, PAGE.most), () => PAGE.usual)
      const heads = inspector.heads()
      const { bytes } = inspector.state()
      return {
        object: "list" as const,
        state: state(),
        data: heads.filter((head) => (id ?? head.id) === head.id && (key ?? head.key) === head.key).slice(0, limit),
        total: heads.length,
        bytes,
        hours: Duration.toHours(live.current.inspectHours)
      }
    })

    const read = Effect.flatMap(HttpServerRequest.HttpServerRequest, (request) =>
      Body.json(request, BODY_LIMIT).pipe(
        Effect.mapError(Errors.fromRefusal),
        Effect.flatMap((body) =>
          Either.mapLeft(decode(body), ({ issue }) => Errors.fromIssue(SchemaIssue.explain(issue)))
        )
      )
    )
    const change = Effect.fnUntraced(function* () {
      const { key: named, minutes, mode } = yield* read
      const key = named ?? undefined
      if (key !== undefined && !auth.keys().some(({ name }) => name === key))
        return yield* Params.invalid("key", "there is no key of this name")
      const most = Duration.toMinutes(live.current.inspectHours)
      if (minutes !== undefined && minutes !== null && minutes > most)
        return yield* Params.invalid("minutes", `INSPECT_HOURS allows ${most} at most`)
      const millis = mode === "off" ? undefined : (minutes ?? Math.min(most, USUAL_MINUTES)) * 60_000
      const { by: who } = yield* by
      inspector.change({ mode, key, millis, by: who })
      const now = state()
      yield* log("looking into requests switched", { mode, key: now.key, until: now.until }, mode !== "off")
      return now
    })

    const forget = Effect.fnUntraced(function* () {
      const { by: who } = yield* by
      inspector.change({ mode: "off", key: undefined, millis: undefined, by: who })
      const forgotten = inspector.clear()
      yield* log("looking into requests switched", { mode: "off", forgotten })
      return { ok: true as const, forgotten, state: state() }
    })

    /** The JSON as it is kept. */
    const one = Effect.fnUntraced(function* (id: string) {
      const json = inspector.find(id)
      if (json === undefined) return Errors.respond(notKept(inspector.state().mode))
      yield* log("request looked into", { inspected_request_id: id })
      return HttpServerResponse.uint8Array(json, { contentType: "application/json" })
    })

    return handlers
      .handle("inspections", list)
      .handleRaw("switchInspection", () => answered(change()))
      .handle("forgetInspections", forget)
      .handleRaw("inspection", ({ path }) => one(path.id))
  })
)

export const InspectHandlers = Layer.provide(handlers, adminKeys)
