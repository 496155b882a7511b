/**
 * Reads JSON bodies within a memory budget: for all requests together, and per API key.
 *
 * Bytes count from their arrival, so an announced length reserves nothing, until the request ends, because the parsed
 * conversation lives as long, also while it is queued.
 */
import type * as HttpServerRequest from "@effect/platform/HttpServerRequest"
import { Context, Effect, Layer, Random, type Scope } from "effect"
import type { GatewayConfig } from "../../config/Config.ts"
import { derive, LiveSettings } from "../../config/LiveSettings.ts"
import { Overloaded } from "../../domain/ChatError.ts"
import * as MetricKeys from "../../observe/MetricKeys.ts"
import { Metrics } from "../../observe/Metrics.ts"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import * as Scoped from "../../runtime/Scoped.ts"
import * as Auth from "../edge/Auth.ts"
import { BodyRefused } from "../edge/EdgeError.ts"
import * as BodyBuffer from "../server/BodyBuffer.ts"
import * as MessageRequest from "../server/MessageRequest.ts"
import * as Body from "./Body.ts"

type Request = HttpServerRequest.HttpServerRequest

export interface BodiesLimits {
  /** Max bytes of one body. */
  readonly bodyLimitMb: number
  /** Max bytes of all bodies together; each counts beyond its first `BodyBuffer.FREE` bytes. */
  readonly bodiesLimitMb: number
  /** Max bytes of the bodies of one API key. */
  readonly bodiesPerKeyMb: number
}

export interface BodiesOptions extends BodiesLimits {
  /** No key is required, and all callers share one budget. */
  readonly isOpen: () => boolean
}

const MEBIBYTE = 1024 * 1024

const toBytes = ({ bodiesLimitMb, bodiesPerKeyMb, bodyLimitMb }: BodiesLimits) => {
  const all = bodiesLimitMb * MEBIBYTE
  const each = bodiesPerKeyMb * MEBIBYTE
  return { all, each, one: Math.floor(Math.min(bodyLimitMb * MEBIBYTE, each, all)) }
}
const bytesOf = derive(toBytes)

/** What one message of a socket holds, counted by whoever receives it. */
export interface Reservation {
  /** Counts so many bytes more; false if that is too much. */
  readonly reserve: (bytes: number) => boolean
  readonly release: () => void
}

export class Bodies extends Context.Tag("lingma-gateway/http/Bodies")<
  Bodies,
  {
    /** Reads and parses a body; its bytes count until the scope closes. */
    readonly json: (request: Request) => Effect.Effect<unknown, BodyRefused | Overloaded, Scope.Scope>
    /** Memory beside the body, such as for another server's answer, counted as the caller's until the scope closes. */
    readonly memory: (request: Request) => Effect.Effect<Body.Memory<Overloaded>, never, Scope.Scope>
    /** Memory of the caller's, for what does not arrive as a body. */
    readonly reservation: (request: Request) => Reservation
    /** Max bytes of one body. */
    readonly limit: () => number
    /** Bytes currently counted. */
    readonly held: () => number
    /** Requests refused so far because bodies took too much memory. */
    readonly refused: () => number
  }
>() {
  /** `limits` gives those of now, which may be lower than what is counted already. */
  static readonly make = (options: BodiesOptions, limits?: () => ReturnType<typeof toBytes>): typeof Bodies.Service => {
    const fixed = toBytes(options)
    const limitsOf = limits ?? (() => fixed)
    const limit = () => limitsOf().one
    const byOwner = new ChurnMap<string, number>()
    let held = 0
    let refused = 0

    const refuse = Effect.flatMap(Random.nextIntBetween(1, 6), (retryAfter) => {
      refused++
      return Effect.fail(new Overloaded({ reason: "bodies", retryAfter }))
    })
    const ofMessage = ({ bytes, unread }: MessageRequest.Message): Effect.Effect<unknown, BodyRefused | Overloaded> =>
      unread === undefined
        ? Body.parse(bytes)
        : unread === "not_reserved"
          ? refuse
          : new BodyRefused({ reason: unread })
    const fits = (owner: string, bytes: number) => {
      const { all, each } = limitsOf()
      return held + bytes <= all && (byOwner.get(owner) ?? 0) + bytes <= each
    }
    const count = (owner: string, bytes: number) => {
      const own = (byOwner.get(owner) ?? 0) + bytes
      if (own > 0) byOwner.set(owner, own)
      else byOwner.delete(owner)
      held += bytes
    }

    /** Reservation of one request. */
    const reservation = (owner: string) => {
      let mine = 0
      let isOver = false
      const release = () => {
        isOver = true
        if (mine > 0) count(owner, -mine)
        mine = 0
      }
      const reserve = (bytes: number) => {
        if (isOver || !fits(owner, bytes)) return false
        mine += bytes
        count(owner, bytes)
        return true
      }
      return { reserve, release, fits: (bytes: number) => fits(owner, bytes), refuse }
    }

    const ownerOf = (request: Request) => (options.isOpen() ? "" : (Auth.keyOf(request) ?? ""))

    const large = (request: Request, owner: string) =>
      Effect.suspend(() => {
        const memory = reservation(owner)
        const read = Body.json(request, limit(), memory)
        // After a refusal nothing is held while the response is sent and the rest of the body is discarded.
        return Effect.zipRight(
          Scoped.later(memory.release),
          Effect.tapError(read, () => Effect.sync(memory.release))
        )
      })

    return Bodies.of({
      json: (request) => {
        const message = MessageRequest.of(request)
        if (message !== undefined) return ofMessage(message)
        return Number(request.headers["content-length"] ?? Number.POSITIVE_INFINITY) <= BodyBuffer.FREE &&
          request.headers["content-encoding"] === undefined
          ? Body.json(request, limit())
          : large(request, ownerOf(request))
      },
      memory: (request) =>
        Effect.suspend(() => {
          const memory = reservation(ownerOf(request))
          return Effect.as(Scoped.later(memory.release), memory)
        }),
      reservation: (request) => reservation(ownerOf(request)),
      limit,
      held: () => held,
      refused: () => refused
    })
  }

  static readonly layerFromConfig: Layer.Layer<Bodies, never, GatewayConfig | Metrics> = Layer.effect(
    Bodies,
    Effect.map(Effect.all([LiveSettings.get, Metrics, Auth.Auth]), ([live, { observe }, { isOpen }]) => {
      const bodies = Bodies.make({ ...live.current, isOpen }, () => bytesOf(live.current))
      const readings = Effect.sync(() => [
        { key: MetricKeys.bodyBytes, value: bodies.held() },
        { key: MetricKeys.bodiesRefused, value: bodies.refused() }
      ])
      observe("bodies", readings)
      return bodies
    })
  ).pipe(Layer.provide(Auth.Auth.layer))
}
