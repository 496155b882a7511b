/**
 * More cases and another seed for every property of a test file, when `npm run fuzz -- --properties` asks for it by the
 * environment; nothing else otherwise.
 *
 * fast-check has no setting that multiplies the number of cases a property states itself, so the two functions that
 * read a property's parameters are wrapped.
 */
import { createRequire } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"

/** What fast-check reads its parameters with. */
interface Parameters {
  readNumRuns: (given: object) => number
  readSeed: (given: object) => number
}

const read = async (): Promise<Parameters> => {
  const effect = createRequire(import.meta.url).resolve("effect")
  const fastCheck = dirname(createRequire(effect).resolve("fast-check/package.json"))
  const file = join(fastCheck, "lib/esm/check/runner/configuration/QualifiedParameters.js")
  const loaded: { readonly QualifiedParameters: Parameters } = await import(pathToFileURL(file).href)
  return loaded.QualifiedParameters
}

/** From now on each property runs `times` its cases, from `seed`; the function that is returned ends it. */
export const multiply = async (times: number, seed: number): Promise<() => void> => {
  const parameters = await read()
  const { readNumRuns, readSeed } = parameters
  parameters.readNumRuns = (given) => readNumRuns(given) * times
  parameters.readSeed = () => readSeed({ seed })
  return () => Object.assign(parameters, { readNumRuns, readSeed })
}

const { PROPERTY_SEED, PROPERTY_TIMES } = process.env
/** Once in a process, whose files share fast-check. */
const done = globalThis as { [key: symbol]: unknown }
const key = Symbol.for("lingma-gateway/test/multiplied")
if (PROPERTY_TIMES !== undefined) done[key] ??= await multiply(Number(PROPERTY_TIMES), Number(PROPERTY_SEED))
