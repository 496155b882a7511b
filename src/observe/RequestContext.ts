/**
 * What a chat's figures tell of the request it came by; set once per request, where the request comes in.
 */
import { Effect, type Fiber, FiberRef, GlobalValue } from "effect"
import type { ClientName } from "../domain/usage/ClientName.ts"
import * as Verdict from "../domain/Verdict.ts"
import type { ChatTap } from "./ChatTap.ts"

export interface RequestContext {
  /** As its response bears it. */
  readonly id: string
  readonly client: ClientName
  /** Of a chat: whether an upstream was asked, or is about to be. From then on, to ask again may repeat something. */
  isStarted: boolean
  /** Whether it was refused for what is wrong with this host only (`Verdict.isOfHost`). */
  isOfHost: boolean
  /** Who looks into it, until it has ended; undefined for almost all. */
  tap: ChatTap | undefined
}

const ref = GlobalValue.globalValue("lingma-gateway/observe/RequestContext", () =>
  // A program that asks by itself has no request.
  FiberRef.unsafeMake<RequestContext>({ id: "none", client: "none", isStarted: false, isOfHost: false, tap: undefined })
)

export const current: Effect.Effect<RequestContext> = FiberRef.get(ref)

/** Notes why it is refused. */
export const refused = (problem: unknown): Effect.Effect<RequestContext> =>
  Effect.tap(current, (context) => {
    context.isOfHost = Verdict.isOfHost(problem)
  })

/** The same, from a fiber. */
export const of = (fiber: Fiber.RuntimeFiber<unknown, unknown>): RequestContext => fiber.getFiberRef(ref)

/** Sets it for the rest of the fiber, which serves only this request. */
export const set = (context: RequestContext): Effect.Effect<void> => FiberRef.set(ref, context)
