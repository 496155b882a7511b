/**
 * The state of the gateway at this moment, as the dashboard shows it.
 */
import { Effect } from "effect"
import { Chat } from "../../../chat/Chat.ts"
import { Guard } from "../../../chat/Guard.ts"
import type { LiveChat } from "../../../chat/LiveChats.ts"
import { type Instance, Pool } from "../../../chat/Pool.ts"
import * as Login from "../../../domain/Login.ts"
import { redact } from "../../../domain/Redact.ts"
import * as ChatSpan from "../../../observe/ChatSpan.ts"
import * as Rows from "../../../team/ledger/Rows.ts"
import { version } from "../../../Version.ts"
import { Inspector } from "../../chat/inspect/Inspector.ts"
import { Drain } from "../../server/Drain.ts"
import * as Inspect from "../inspect/State.ts"
import { Activity, type Figures } from "./Activity.ts"
import {
  type InstanceState,
  type InstanceView,
  type LiveChat as LiveView,
  MOST_STREAMS,
  type Overview
} from "./Overview.ts"
import * as Problem from "./Problem.ts"

/** Max characters of an error. */
const LONGEST_ERROR = 300
/** How long it is told that chats were turned away. */
const LATELY = 10_000

const iso = (millis: number) => new Date(millis).toISOString()

const loginWords: Readonly<Record<Login.LoginReason, string>> = {
  bad_credentials: "the password was refused",
  human_needed: "the login page needs a person",
  browser_missing: "no browser was found, or none starts",
  timed_out: "the login took too long",
  refused_host: "the login led to a host where no password may be entered",
  no_login_url: "no login address was given"
}
const isReason = (text: string): text is Login.LoginReason => text in loginWords

interface Now {
  /** Milliseconds since 1970. */
  readonly epoch: number
  /** Milliseconds of the monotonic clock. */
  readonly mono: number
}

interface Standing {
  readonly state: InstanceState
  readonly until: number | undefined
  readonly reason: string | undefined
}

const standing = (instance: Instance, { epoch, mono }: Now): Standing => {
  const { backend, ejected, health, loggedIn, login, reason, spent, state } = instance
  const plain = { until: undefined, reason }
  if (state !== "ready")
    return {
      ...plain,
      state: "restarting",
      reason: instance.lastError === undefined ? reason : redact(instance.lastError, LONGEST_ERROR)
    }
  if (loggedIn === false) {
    if (login._tag === "Running") return { ...plain, state: "signing_in" }
    return login._tag === "Failed"
      ? { ...plain, state: "signed_out", reason: loginWords[login.reason] }
      : { ...plain, state: "signed_out" }
  }
  if (reason !== undefined)
    return { state: "resting", until: ejected ? epoch + health.until - mono : undefined, reason }
  const account = spent.find(({ model }) => model === undefined)
  if (account !== undefined) return { state: "resting", until: account.until, reason: "its quota is used up" }
  return { ...plain, state: backend.attached === true ? "attached" : "serving" }
}

/** The last of what went wrong with it, its chats and its logins. */
const lastError = ({ lastFailure }: Instance, { loginFailed }: Figures) => {
  if (loginFailed !== undefined && (lastFailure === undefined || loginFailed.at > lastFailure.at)) {
    const { state } = loginFailed
    return { message: `not signed in: ${isReason(state) ? loginWords[state] : state}`, at: iso(loginFailed.at) }
  }
  // Without the name of the failure's class.
  return lastFailure === undefined
    ? null
    : { message: redact(lastFailure.message.replace(/^[A-Z]\w+: /, ""), LONGEST_ERROR), at: iso(lastFailure.at) }
}

const toView = (instance: Instance, url: string | undefined, figures: Figures, now: Now): typeof InstanceView.Type => {
  const { account, backend, id, inFlight, login, ready, restarts } = instance
  const { reason, state, until } = standing(instance, now)
  return {
    name: id,
    account: account === undefined ? null : Rows.masked(account),
    state,
    ready,
    attached: backend.attached === true,
    emulated: backend.emulated,
    until: until === undefined ? null : iso(until),
    reason: reason === undefined ? null : redact(reason, LONGEST_ERROR),
    login: backend.login === undefined ? null : Login.word(login),
    login_url: url ?? null,
    in_flight: inFlight,
    chats_today: figures.chatsToday ?? null,
    tokens_today: figures.tokensToday ?? null,
    error_rate: figures.errorRate ?? null,
    last_error: lastError(instance, figures),
    restarts
  }
}

const toStream = ({ answer, arrivedAt: _, record, startedAt }: LiveChat, now: Now): typeof LiveView.Type => {
  const tokens = Rows.count(answer?.tokens() ?? 0)
  const seconds = answer === undefined ? 0 : (now.mono - answer.begunAt) / 1000
  return {
    id: record.id,
    request_id: record.requestId,
    key: record.caller.name,
    client: record.client,
    dialect: record.dialect,
    stream: record.stream,
    model_asked: ChatSpan.plain(redact(record.modelAsked, 128)),
    model: answer?.model ?? null,
    instance: record.instance ?? null,
    started_at: iso(startedAt),
    phase: record.phase,
    tokens,
    tokens_per_second: seconds > 0 ? Math.round((tokens / seconds) * 10) / 10 : null
  }
}

export const make = Effect.gen(function* () {
  const { live } = yield* Chat
  const guard = yield* Guard
  const pool = yield* Pool
  const drain = yield* Drain
  const activity = yield* Activity
  const inspector = yield* Inspector
  const clock = yield* Effect.clock
  const begun = Number(clock.unsafeCurrentTimeNanos()) / 1e6

  const urlOf = ({ backend, login }: Instance) =>
    Login.awaitsPerson(login) ? (backend.login?.url ?? Effect.succeed(undefined)) : Effect.succeed(undefined)

  return Effect.gen(function* () {
    const stats = yield* guard.stats
    const instances = yield* pool.snapshot
    activity.look(instances)
    const urls = yield* Effect.forEach(instances, urlOf)
    const now: Now = { epoch: clock.unsafeCurrentTimeMillis(), mono: Number(clock.unsafeCurrentTimeNanos()) / 1e6 }
    const running = live.running()
    const views = instances.map((one, i) => toView(one, urls[i], activity.figures(one.id), now))
    const turnedAway = activity.turnedAway()
    const waiting = running.find(({ record }) => record.phase === "queued")
    const draining = drain.isDraining()
    const overview: Overview = {
      version,
      started_at: iso(activity.startedAt),
      now: iso(now.epoch),
      uptime_seconds: Math.floor((now.mono - begun) / 1000),
      draining,
      ready: views.filter(({ ready }) => ready).length,
      size: views.length,
      in_flight: stats.inFlight,
      max_in_flight: stats.maxInFlight,
      queued: stats.queued,
      oldest_wait_ms: waiting === undefined ? null : Math.round(now.mono - waiting.arrivedAt),
      inspect: Inspect.toState(inspector.state()),
      problem: Problem.find({
        draining,
        instances: views,
        isOverloaded: now.mono - turnedAway.overloaded < LATELY,
        isQueueFull: now.mono - turnedAway.queueFull < LATELY
      }),
      instances: views,
      streams: running.slice(0, MOST_STREAMS).map((chat) => toStream(chat, now)),
      streams_total: running.length
    }
    return overview
  })
})
