/**
 * The state of the gateway at one moment: readiness, what is wrong, its instances, and the chats that run.
 */
import { Schema } from "effect"
import { InspectState } from "../inspect/State.ts"

const described = (description: string) => ({ description })
const Text = Schema.NullOr(Schema.String)
const Time = Schema.String.annotations(described("A date with a time, in UTC"))

/** Most running chats that one snapshot lists. */
export const MOST_STREAMS = 256

/**
 * - `serving`: it takes chats
 * - `attached`: the same, by a Lingma that the gateway did not start
 * - `signing_in`: a login is under way, by the gateway's browser or by a person
 * - `signed_out`: it runs, and no account is signed in
 * - `resting`: it gets no chats until `until`: its quota is used up, or its chats failed
 * - `restarting`: its process is not there, or not connected
 */
export const instanceStates = ["serving", "attached", "signing_in", "signed_out", "resting", "restarting"] as const
export type InstanceState = (typeof instanceStates)[number]

/**
 * - `queued`: it waits for a slot
 * - `login`: it waits until its instance is connected and signed in
 * - `waiting`: it was asked, and has not answered yet
 * - `streaming`: its answer has begun
 */
export const phases = ["queued", "login", "waiting", "streaming"] as const
export type Phase = (typeof phases)[number]

export const problemCodes = [
  "draining",
  "signed_out",
  "login_failed",
  "quota_used_up",
  "failing",
  "not_running",
  "overloaded",
  "queue_full"
] as const
export type ProblemCode = (typeof problemCodes)[number]

export const Problem = Schema.Struct({
  code: Schema.Literal(...problemCodes),
  instance: Text.annotations(described("The one that the action mends")),
  action: Schema.NullOr(Schema.Literal("sign_in", "retry")).annotations(
    described("`sign_in`: POST /internal/auto-login/start; `retry`: POST /internal/instances/{name}/retry")
  ),
  message: Schema.String.annotations(described("One sentence, in English"))
}).annotations({ identifier: "Problem" })

export const LastError = Schema.Struct({ message: Schema.String, at: Time }).annotations({ identifier: "LastError" })

export const InstanceView = Schema.Struct({
  name: Schema.String,
  account: Text.annotations(described("The name of its account, masked as in the ledger; null where it is not known")),
  state: Schema.Literal(...instanceStates),
  ready: Schema.Boolean.annotations(described("Whether a chat may be sent there now, as in /healthz")),
  attached: Schema.Boolean.annotations(described("The gateway neither starts nor stops its process")),
  emulated: Schema.Boolean,
  until: Schema.NullOr(Time).annotations(described("When it rests no longer")),
  reason: Text.annotations(described("Why it does not serve")),
  login: Schema.NullOr(Schema.String).annotations(
    described(
      "signed_in, idle, running, waiting_for_person or login_failed:<reason>; null for a provider without accounts"
    )
  ),
  login_url: Text.annotations(described("Where a person signs in, while that is waited for")),
  in_flight: Schema.Int,
  chats_today: Schema.NullOr(Schema.Int).annotations(described("Null until the ledger was read")),
  tokens_today: Schema.NullOr(Schema.Int).annotations(described("Of prompts and answers")),
  error_rate: Schema.NullOr(Schema.Number).annotations(
    described("Failed among the last 100 chats that completed or failed; null before the first")
  ),
  last_error: Schema.NullOr(LastError).annotations(described("Kept when a later chat goes well")),
  restarts: Schema.Int
}).annotations({ identifier: "InstanceView" })

export const LiveChat = Schema.Struct({
  id: Schema.String.annotations(described("Also of its row in /internal/chats once it has ended")),
  request_id: Schema.String,
  key: Schema.String,
  client: Schema.String,
  dialect: Schema.String,
  stream: Schema.Boolean,
  model_asked: Schema.String,
  model: Text.annotations(described("Null before the answer has begun")),
  instance: Text.annotations(described("Null in the queue")),
  started_at: Time,
  phase: Schema.Literal(...phases),
  tokens: Schema.Int.annotations(described("Of the answer so far, as far as is known")),
  tokens_per_second: Schema.NullOr(Schema.Number).annotations(described("Since the first token; null before it"))
}).annotations({ identifier: "LiveChat" })

export const Overview = Schema.Struct({
  version: Schema.String,
  started_at: Time,
  now: Time.annotations(described("By the clock of the server, for pages whose own differs")),
  uptime_seconds: Schema.Int,
  draining: Schema.Boolean,
  ready: Schema.Int.annotations(described("Instances that take chats, as `pool_ready` of /healthz")),
  size: Schema.Int,
  in_flight: Schema.Int,
  max_in_flight: Schema.Int,
  queued: Schema.Int,
  oldest_wait_ms: Schema.NullOr(Schema.Int).annotations(described("Of those in the queue; null where it is empty")),
  inspect: InspectState,
  problem: Schema.NullOr(Problem).annotations(described("The most pressing one")),
  instances: Schema.Array(InstanceView),
  streams: Schema.Array(LiveChat)
    .pipe(Schema.maxItems(MOST_STREAMS))
    .annotations(described(`Chats in the queue and running ones, the oldest first; at most ${MOST_STREAMS}`)),
  streams_total: Schema.Int
}).annotations({ identifier: "Overview" })
export type Overview = typeof Overview.Type
