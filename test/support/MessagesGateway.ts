/**
 * A gateway over one scripted backend, asked by `/v1/messages`.
 */
import { Effect } from "effect"
import type { Settings } from "../../src/config/Config.ts"
import * as TestBackend from "./TestBackend.ts"
import * as TestGateway from "./TestGateway.ts"

/** A request with the fields that each must have, but the messages. */
export const post = (body: object): RequestInit => ({
  method: "POST",
  headers: { "content-type": "application/json" },
  body: JSON.stringify({ model: "auto", max_tokens: 64, ...body })
})

export const serve = Effect.fnUntraced(function* (settings: Partial<Settings> = {}, script?: TestBackend.Script) {
  const scripted = TestBackend.make(script)
  const { base, request } = yield* TestGateway.serve(scripted, settings)
  /** The answer whole, with what was left out of the request, and the prompt that the model was given. */
  const ask = Effect.fnUntraced(function* (body: object) {
    const { headers, json, status } = yield* request("/v1/messages", post(body))
    return {
      status,
      json,
      message: json.error?.message,
      leftOut: headers.get("x-lingma-ignored-params"),
      prompt: status === 200 ? (scripted.asks.at(-1)?.prompt ?? "") : ""
    }
  })
  return { ask, base, request }
})
