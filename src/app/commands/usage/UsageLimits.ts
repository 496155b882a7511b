/**
 * What keys have used of their limits, as the gateways have written it into the database: at most a second old.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import { Clock, Effect, Option } from "effect"
import * as KeyFile from "../../../team/keys/KeyFile.ts"
import { KeyStore } from "../../../team/keys/KeyStore.ts"
import * as Days from "../../../team/limits/Days.ts"
import * as WindowStore from "../../../team/limits/WindowStore.ts"
import type { Used } from "../../screen/Bar.ts"

export interface Limits {
  /** Of today, in the time zone of limits. */
  readonly tokensPerDay?: Used
  /** Of the minute that runs. */
  readonly requestsPerMinute?: Used
}

/** Each line with the limits of its key, if it has some. */
export const onto = Effect.fnUntraced(function* <A extends { readonly keyId?: string }>(
  lines: ReadonlyArray<A>,
  timeZone: string,
  keysFile: Option.Option<string>
) {
  const sql = yield* SqlClient.SqlClient
  const store = yield* KeyStore.make
  const now = yield* Clock.currentTimeMillis
  // A file that is wrong is a matter of `doctor`.
  const ofFile = Option.isNone(keysFile) ? [] : yield* Effect.orElseSucceed(KeyFile.read(keysFile.value), () => [])
  const keys = [...(yield* store.list), ...ofFile.map(({ key }) => key)]
  const windows = yield* WindowStore.make(sql).load
  const today = Days.make(timeZone)(now)
  const used = { day: new Map<string, number>(), minute: new Map<string, number>() }
  for (const { keyId, kind, startedAt, used: count } of windows) {
    const isNow = kind === "day" ? startedAt >= today.start : Math.abs(now - startedAt) < WindowStore.MINUTE
    if (isNow) used[kind].set(keyId, Number(count))
  }
  const limits = new Map<string, Limits>()
  for (const { id, requestsPerMinute, tokensPerDay } of keys) {
    if (requestsPerMinute === undefined && tokensPerDay === undefined) continue
    limits.set(id, {
      ...(tokensPerDay === undefined ? {} : { tokensPerDay: { limit: tokensPerDay, used: used.day.get(id) ?? 0 } }),
      ...(requestsPerMinute === undefined
        ? {}
        : { requestsPerMinute: { limit: requestsPerMinute, used: used.minute.get(id) ?? 0 } })
    })
  }
  return lines.map((line): A & { readonly limits?: Limits } => {
    const found = limits.get(line.keyId ?? "")
    return found === undefined ? line : { ...line, limits: found }
  })
})
