/**
 * What operators do with keys, over all of their sources: what a file or a setting names is changed there, and nowhere else.
 */
import type { SqlError } from "@effect/sql/SqlError"
import { Effect } from "effect"
import * as Key from "./Key.ts"
import type { KeyStore, Made } from "./KeyStore.ts"

export interface KeyDeskOptions<E> {
  readonly store: typeof KeyStore.Service
  /** Keys that are named elsewhere. */
  readonly others: Effect.Effect<ReadonlyArray<Key.Key>, E>
  /** Where they are named: the path of KEYS_FILE. */
  readonly file: string | undefined
  /** Runs after a change. */
  readonly changed: Effect.Effect<void>
}

const owned = (name: string, where: string) =>
  new Key.KeyProblem({ reason: "owned", field: "name", message: `${name} is named by ${where}: change it there` })

export const make = <E>({ changed, file, others, store }: KeyDeskOptions<E>) => {
  const elsewhere = (name: string) => Effect.map(others, (all) => all.find((key) => key.name === name))
  const whereIs = ({ source }: Key.Key) => (source === "file" ? `KEYS_FILE (${file ?? ""})` : "API_KEYS")
  const changing =
    <Args extends ReadonlyArray<unknown>, A>(
      change: (name: string, ...args: Args) => Effect.Effect<A, Key.KeyProblem | SqlError>
    ) =>
    (name: string, ...args: Args): Effect.Effect<A, Key.KeyProblem | SqlError | E> =>
      Effect.flatMap(
        elsewhere(name),
        (other): Effect.Effect<A, Key.KeyProblem | SqlError> =>
          other === undefined ? Effect.zipLeft(change(name, ...args), changed) : owned(name, whereIs(other))
      )
  return {
    list: Effect.zipWith(others, store.list, (fixed, stored) => [
      ...fixed,
      ...stored.filter(({ name }) => !fixed.some((other) => other.name === name))
    ]),
    /** The same keys as the database has them now, without those that are gone from it. */
    fresh: (keys: ReadonlyArray<Key.Key>): Effect.Effect<ReadonlyArray<Key.Key>, SqlError> =>
      Effect.map(store.some(keys.filter(({ source }) => source === "database").map(({ name }) => name)), (stored) => {
        const byName = new Map(stored.map((key) => [key.name, key] as const))
        return keys.flatMap((key) => (key.source === "database" ? (byName.get(key.name) ?? []) : key))
      }),
    get: (name: string): Effect.Effect<Key.Key, Key.KeyProblem | SqlError | E> =>
      Effect.flatMap(elsewhere(name), (other) => (other === undefined ? store.get(name) : Effect.succeed(other))),
    add: changing(store.add),
    set: changing(store.set),
    rotate: changing(store.rotate),
    revoke: changing(store.revoke)
  }
}

export type KeyDesk<E> = ReturnType<typeof make<E>>
export type { Made }
