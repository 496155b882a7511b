/**
 * Manual logins: start one, show their state, and accept the callback URL from a browser on another machine.
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import { Array as Arr, Effect, Either, Option, Schema } from "effect"
import type { BackendLogin } from "../../../chat/Backend.ts"
import type { Instance } from "../../../chat/Pool.ts"
import { type BackendUnavailable, type LoginFailed, ofProvider } from "../../../domain/ChatError.ts"
import * as Login from "../../../domain/Login.ts"
import { redact } from "../../../domain/Redact.ts"
import * as Decode from "../../chat/Decode.ts"
import * as SchemaIssue from "../../chat/SchemaIssue.ts"
import * as Errors from "../../dialects/openai/OpenAiErrors.ts"
import type { LoginView } from "./Api.ts"

interface Signable {
  readonly instance: Instance
  readonly login: BackendLogin
}

const signable = (instances: ReadonlyArray<Instance>): ReadonlyArray<Signable> =>
  instances.flatMap((instance) => {
    const { login } = instance.backend
    return login === undefined ? [] : [{ instance, login }]
  })

const view = ({ login: { automatic, state } }: Signable): Effect.Effect<typeof LoginView.Type> =>
  Effect.map(state, (now) => ({
    enabled: automatic,
    state: now._tag.toLowerCase() as Lowercase<typeof now._tag>,
    reason: now._tag === "Failed" ? now.reason : null,
    detail: now._tag === "Failed" ? redact(now.detail) : null
  }))

/** The requested instance, else the first that needs a login. */
const target = (instances: ReadonlyArray<Instance>, name: string | undefined) => {
  const all = signable(instances)
  const found =
    name === undefined
      ? Option.orElse(
          Arr.findFirst(all, ({ instance }) => instance.loggedIn !== true && !Login.endsByItself(instance.login)),
          () => Arr.head(all)
        )
      : Arr.findFirst(all, ({ instance }) => instance.id === name)
  return Option.match(found, {
    onNone: () => Errors.instanceNotFound(name ?? ""),
    onSome: (one) => Effect.succeed(one)
  })
}

/** Why there was no login URL is logged; why a pasted callback URL was rejected is also returned. */
const noAddress = (provider: string) => (error: LoginFailed | BackendUnavailable) =>
  error._tag === "LoginFailed"
    ? Effect.zipRight(
        Effect.annotateLogs(Effect.logWarning("no login URL"), { detail: redact(error.detail) }),
        Effect.fail(Errors.loginNotBegun)
      )
    : Effect.fail(Errors.fromChatError(ofProvider(provider)(error)))

const notTaken = (provider: string) => (error: LoginFailed | BackendUnavailable) =>
  error._tag === "LoginFailed"
    ? Errors.loginNotTaken(provider, redact(error.detail))
    : Errors.fromChatError(ofProvider(provider)(error))

const Query = Schema.Struct({
  instance: Schema.optional(Schema.String),
  browser: Schema.optional(Schema.Literal("true", "false"))
})
const decodeQuery = Decode.reader(Query)

export const start = (instances: ReadonlyArray<Instance>, query: unknown) =>
  Effect.gen(function* () {
    const { browser, instance } = yield* Either.mapLeft(decodeQuery(query), ({ issue }) =>
      Errors.fromIssue(SchemaIssue.explain(issue))
    )
    const one = yield* target(instances, instance)
    const { login } = one
    const { provider } = one.instance.backend
    const identity = yield* Effect.mapError(login.identity, (error) =>
      Errors.fromChatError(ofProvider(provider)(error))
    )
    if (identity !== undefined) {
      return { ok: true as const, state: "already_logged_in" as const, instance: one.instance.id, auth: identity }
    }
    // Without a browser or an account, return a URL for a person to open.
    const state = browser === "false" ? undefined : yield* Effect.option(login.start)
    if (state !== undefined && Option.isSome(state)) {
      return { ok: true as const, state: state.value, instance: one.instance.id, auto_login: yield* view(one) }
    }
    const { url } = yield* Effect.catchAll(login.person, noAddress(provider))
    return {
      ok: true as const,
      state: "running" as const,
      instance: one.instance.id,
      auto_login: yield* view(one),
      login_url: url
    }
  })

export const status = (instances: ReadonlyArray<Instance>) =>
  Effect.map(
    Effect.forEach(
      signable(instances),
      (one) =>
        Effect.gen(function* () {
          const auto_login = yield* view(one)
          const auth = yield* Effect.match(one.login.identity, {
            onFailure: () => ({ error: `${one.instance.backend.provider} is not ready` }),
            onSuccess: (identity) => ({ logged_in: identity !== undefined, ...identity })
          }).pipe(
            Effect.timeoutTo({
              duration: "5 seconds",
              onSuccess: (auth) => auth,
              onTimeout: () => ({ error: "no answer" })
            })
          )
          return { instance: one.instance.id, auto_login, auth, state: Login.word(one.instance.login) }
        }),
      { concurrency: "unbounded" }
    ),
    (all) => ({ ok: true as const, instances: all })
  )

export const callback = (
  instances: ReadonlyArray<Instance>,
  { instance, url }: { readonly instance?: string | undefined; readonly url: string }
) =>
  Effect.gen(function* () {
    const waiting = instances.filter(({ login }) => Login.awaitsPerson(login))
    const one = yield* target(waiting.length > 0 && instance === undefined ? waiting : instances, instance)
    yield* Effect.mapError(one.login.callback(url), notTaken(one.instance.backend.provider))
    return { ok: true as const, state: "logged_in" as const, instance: one.instance.id }
  })

export const answered = <A, R>(effect: Effect.Effect<A, Errors.Failure, R>) =>
  effect.pipe(
    Effect.map((body) => HttpServerResponse.unsafeJson(body)),
    Effect.catchAll((failure) => Effect.succeed(Errors.respond(failure)))
  )
