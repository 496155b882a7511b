/**
 * The same properties for longer: `npm run fuzz -- --seconds 60 [--seed N] [--only requests]`; or every property of the
 * suite, with 20 times its cases over five seeds: `npm run fuzz -- --properties [--times 20] [--seeds 5] [--seed N]
 * [--only Guard]`. Exits 1 when one fell.
 */
import { parseArgs } from "node:util"
import { Effect, FastCheck as fc } from "effect"
import * as Gateway from "./gateway.ts"
import * as Properties from "./properties.ts"
import { targets } from "./targets.ts"

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    only: { type: "string", default: "" },
    properties: { type: "boolean", default: false },
    times: { type: "string", default: "20" },
    seeds: { type: "string", default: "5" }
  }
})

const chosen = targets.filter(({ name }) => values.only === "" || name === values.only)
const share = (Number(values.seconds) * 1000) / Math.max(1, chosen.length)

const program = Effect.gen(function* () {
  for (const { name, property } of chosen) {
    const { lines, port } = yield* Gateway.serve
    const seed = Number(values.seed)
    const result = yield* Effect.promise(() =>
      Promise.resolve(
        fc.check(property(port), {
          seed,
          numRuns: Number.MAX_SAFE_INTEGER,
          interruptAfterTimeLimit: share,
          markInterruptAsFailure: false
        })
      )
    )
    const broken = lines.filter(({ level }) => level === "ERROR")
    const failed = (result.failed && !result.interrupted) || broken.length > 0
    process.stdout.write(`${name}: seed ${seed}, ${result.numRuns} runs${failed ? ", FAILED" : ""}\n`)
    if (!failed) continue
    process.exitCode = 1
    process.stdout.write(
      `${fc.defaultReportMessage(result) ?? ""}\n${broken.map(({ cause }) => String(cause)).join("\n")}\n`
    )
  }
}).pipe(Effect.scoped)

const everyProperty = async () => {
  const files = Properties.propertyFiles().filter((file) => file.includes(values.only))
  for (let n = 0; n < Number(values.seeds); n++) {
    const hold = await Properties.run(files, Number(values.times), Number(values.seed) + n)
    if (!hold) process.exitCode = 1
  }
}

await (values.properties ? everyProperty() : Effect.runPromise(program))
process.exit()
