/**
 * Lingma calls of a login: set the endpoint, get a login URL, deliver the OAuth callback.
 */
import { Effect } from "effect"
import type { LingmaRpc } from "../rpc/LingmaRpc.ts"
import * as Protocol from "../rpc/Protocol.ts"
import { describe } from "../rpc/RpcError.ts"
import { SignInStopped } from "./Browser.ts"

type Rpc = LingmaRpc["Type"]

const CALLBACK_MILLIS = 10_000

/** A failure is only logged, because the login may work with the current endpoint. */
export const switchEndpoint = (rpc: Rpc, endpoint: string | undefined): Effect.Effect<void> => {
  if (endpoint === undefined) return Effect.void
  const kept = (reason: string) =>
    Effect.annotateLogs(Effect.logWarning("DEDICATED_DOMAIN_URL could not be applied"), { reason })
  return Effect.gen(function* () {
    const now = yield* rpc.call(Protocol.getEndpoint, {})
    if (now?.endpoint === endpoint) return
    const result = yield* rpc.call(Protocol.updateEndpoint, { endpoint })
    if (result?.success === false) yield* kept("Lingma refused it")
  }).pipe(Effect.catchAll((error) => kept(describe(error))))
}

const named = (url: string | null | undefined) => (url === null || url === undefined || url === "" ? undefined : url)

const none = (detail: string) => new SignInStopped({ reason: "no_login_url", detail, again: false })

/** Calls `login/generateUrl`, with `auth/login` as fallback. */
export const loginUrl = (rpc: Rpc): Effect.Effect<string, SignInStopped> =>
  rpc.call(Protocol.generateUrl, { loginDedicatedType: "" }).pipe(
    Effect.map((result) => named(result?.loginUrl) ?? named(result?.url)),
    Effect.catchAll(() => Effect.succeed(undefined)),
    Effect.flatMap((url) =>
      url !== undefined
        ? Effect.succeed(url)
        : Effect.map(rpc.call(Protocol.authLogin, {}), (result) => named(result?.loginUrl) ?? named(result?.url))
    ),
    Effect.mapError((error) => none(describe(error))),
    Effect.flatMap((url) => (url === undefined ? none("Lingma named no address") : Effect.succeed(url)))
  )

/** Replays the OAuth callback to Lingma's local port; falls back to `login/auth_callback`. */
export const deliver = (rpc: Rpc, port: number, query: string): Effect.Effect<void, SignInStopped> => {
  const given = new URLSearchParams(query)
  const byCall = rpc
    .call(Protocol.authCallback, {
      nonce: given.get("state") ?? "",
      auth: given.get("auth") ?? "",
      tokenString: given.get("token") ?? ""
    })
    .pipe(
      Effect.mapError((error) => none(describe(error))),
      Effect.filterOrFail(
        (result) => result?.success !== false,
        () => none("Lingma did not accept the callback address; begin anew")
      )
    )
  const atDoor = Effect.tryPromise({
    try: async () => {
      const signal = AbortSignal.timeout(CALLBACK_MILLIS)
      const response = await fetch(`http://127.0.0.1:${port}/auth/callback${query}`, { redirect: "manual", signal })
      await response.body?.cancel()
      return response.status
    },
    catch: () => "unreachable"
  })
  return Effect.flatMap(Effect.either(atDoor), (door) =>
    door._tag === "Right" && door.right < 400 ? Effect.void : Effect.asVoid(byCall)
  )
}
