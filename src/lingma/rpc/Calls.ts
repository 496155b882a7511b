/**
 * Pending calls by id.
 */
import { Either, ParseResult, Schema } from "effect"
import { isRecord } from "../../json/Json.ts"
import { ChurnMap } from "../../runtime/ChurnMap.ts"
import type { Json } from "./Pushes.ts"
import { type RpcDisconnected, type RpcError, RpcMalformed, RpcRejected, RpcTimeout } from "./RpcError.ts"

export type Settle = (reply: Either.Either<unknown, RpcError>) => void

export interface Calls {
  /** Adds a call and returns its id; `settle` is called once, unless `forget` comes first. Times out after `millis`. */
  readonly enter: (method: string, millis: number, settle: Settle) => number
  readonly forget: (id: number) => void
  /** Settles the call of a reply; false if its id is unknown. */
  readonly reply: (message: Json) => boolean
  /** Fails the calls that have timed out. */
  readonly expire: () => void
  readonly failAll: (error: RpcDisconnected) => void
  readonly size: () => number
}

const rejection = (method: string, error: unknown) =>
  new RpcRejected({
    method,
    code: isRecord(error) && typeof error["code"] === "number" ? error["code"] : 0,
    detail: (isRecord(error) && typeof error["message"] === "string" ? error["message"] : "no reason given").slice(
      0,
      500
    )
  })

export const make = (now: () => number): Calls => {
  const waiting = new ChurnMap<
    number,
    { readonly method: string; readonly deadline: number; readonly settle: Settle }
  >()
  let nextId = 1
  return {
    enter: (method, millis, settle) => {
      const id = nextId++
      waiting.set(id, { method, deadline: now() + millis, settle })
      return id
    },
    forget: (id) => waiting.delete(id),
    reply: ({ error, id, result }) => {
      const call = typeof id === "number" ? waiting.get(id) : undefined
      if (call === undefined) return false
      waiting.delete(id as number)
      // A missing `result` counts as null.
      const failed = error !== undefined && error !== null
      call.settle(failed ? Either.left(rejection(call.method, error)) : Either.right(result ?? null))
      return true
    },
    expire: () => {
      const at = now()
      waiting.forEach((call, id) => {
        if (at < call.deadline) return
        waiting.delete(id)
        call.settle(Either.left(new RpcTimeout({ method: call.method })))
      })
    },
    failAll: (error) => {
      const calls = waiting.values()
      waiting.clear()
      for (const call of calls) call.settle(Either.left(error))
    },
    size: () => waiting.size
  }
}

/** Path only, because the value may be a token. */
const where = (error: ParseResult.ParseError): string =>
  ParseResult.ArrayFormatter.formatErrorSync(error)
    .slice(0, 5)
    .map(({ _tag, path }) => `${path.join(".") || "(all)"} ${_tag}`)
    .join(", ")

/** Decodes a reply with the method's schema. */
export const decode = <R, I>(
  { name, result }: { readonly name: string; readonly result: Schema.Schema<R, I> },
  reply: Either.Either<unknown, RpcError>
): Either.Either<R, RpcError> =>
  Either.flatMap(reply, (value) =>
    Either.mapLeft(
      Schema.decodeUnknownEither(result)(value),
      (error) => new RpcMalformed({ method: name, detail: where(error) })
    )
  )
