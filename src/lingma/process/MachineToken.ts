/**
 * The token that QoderCN may want to see with a connection, from the file that it keeps beside its login.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import * as Product from "./Product.ts"

/** What a header can carry. */
const Token = Schema.parseJson(Schema.Struct({ token: Schema.String.pipe(Schema.pattern(/^[\x21-\x7e]{1,4096}$/)) }))

/** None for a Lingma, and where there is no such file. `workDir`: where it keeps its state; `place`: by which it is known. */
export const headers = (workDir: string, place: string): Effect.Effect<Readonly<Record<string, string>>> =>
  Product.of({ hello: undefined, place }) === "lingma"
    ? Effect.succeed({})
    : Effect.tryPromise(() => readFile(join(workDir, "cache", "machine_token.json"), "utf8")).pipe(
        Effect.flatMap(Schema.decodeUnknown(Token)),
        Effect.map(({ token }) => ({ "Cosy-MachineToken": token })),
        Effect.orElseSucceed(() => ({}))
      )
