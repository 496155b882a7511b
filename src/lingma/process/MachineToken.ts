/**
 * Reads the token that QoderCN may require as a connection header, from the file next to its login.
 */
import { readFile } from "node:fs/promises"
import { join } from "node:path"
import { Effect, Schema } from "effect"
import * as Product from "./Product.ts"

/** A token that is valid as a header value. */
const Token = Schema.parseJson(Schema.Struct({ token: Schema.String.pipe(Schema.pattern(/^[\x21-\x7e]{1,4096}$/)) }))

/** Empty for Lingma, or if the file is missing. `workDir`: its state directory; `place`: path that tells the product. */
export const headers = (workDir: string, place: string): Effect.Effect<Readonly<Record<string, string>>> =>
  Product.of({ hello: undefined, place }) === "lingma"
    ? Effect.succeed({})
    : Effect.tryPromise(() => readFile(join(workDir, "cache", "machine_token.json"), "utf8")).pipe(
        Effect.flatMap(Schema.decodeUnknown(Token)),
        Effect.map(({ token }) => ({ "Cosy-MachineToken": token })),
        Effect.orElseSucceed(() => ({}))
      )
