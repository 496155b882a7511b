/**
 * KEYS_FILE: keys that are kept in a file, as digests or by the name of an environment variable. What it names it owns.
 */
import { readFile, stat } from "node:fs/promises"
import { Data, Effect } from "effect"
import type * as Key from "./Key.ts"

/** The file cannot be used; the message names the setting, the file, and the line where there is one. */
export class KeyFileWrong extends Data.TaggedError("KeyFileWrong")<{ readonly message: string }> {}

const MOST_BYTES = 4 * 1024 * 1024

/** The keys that a text names. */
export const parse = (path: string, text: string): Effect.Effect<ReadonlyArray<Key.Known>, KeyFileWrong> =>
  Effect.flatMap(
    Effect.promise(() => import("./KeyFileText.ts")),
    (KeyFileText) =>
      Effect.mapError(
        KeyFileText.parse(text),
        ({ line, reason }) =>
          new KeyFileWrong({ message: `KEYS_FILE: ${path}${line === undefined ? "" : `:${line}`}: ${reason}` })
      )
  )

const unreadable = (path: string) => (cause: unknown) => {
  const code = (cause as { readonly code?: unknown }).code
  return new KeyFileWrong({
    message: `KEYS_FILE: ${path} cannot be read (${typeof code === "string" ? code : "unknown"})`
  })
}

export interface Contents {
  /** Differs where the file was written to. */
  readonly stamp: string
  readonly keys: ReadonlyArray<Key.Known>
}

/** Tells whether the file was written to, without reading it. */
export const stamp = (path: string): Effect.Effect<string, KeyFileWrong> =>
  Effect.tryPromise({
    try: async () => {
      const { ino, mtimeMs, size } = await stat(path)
      return `${ino}/${mtimeMs}/${size}`
    },
    catch: unreadable(path)
  })

export const read = Effect.fnUntraced(function* (
  path: string
): Effect.fn.Return<ReadonlyArray<Key.Known>, KeyFileWrong> {
  const text = yield* Effect.tryPromise({ try: () => readFile(path, "utf8"), catch: unreadable(path) })
  if (text.length > MOST_BYTES)
    return yield* new KeyFileWrong({ message: `KEYS_FILE: ${path} is larger than ${MOST_BYTES} bytes` })
  return yield* parse(path, text)
})
