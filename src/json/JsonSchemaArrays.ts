/**
 * JSON Schema keywords for array items.
 */
import {
  type At,
  complain,
  type Engine,
  type Keyword,
  type Makers,
  newSeen,
  type Run,
  several,
  spend
} from "./JsonSchemaRun.ts"
import { canonical } from "./JsonSchemaValues.ts"

export const makers = (engine: Engine): Makers => {
  const { draft, probe, validate } = engine

  const item = (schema: unknown, at: At, run: Run, index: number, how = validate): boolean => {
    at.seen?.items.add(index)
    const value = (at.value as ReadonlyArray<unknown>)[index]
    return how(schema, { value, path: { up: at.path, key: index }, seen: newSeen(engine) }, run)
  }
  const items = (schema: unknown, at: At, run: Run, from: number): boolean => {
    let isValid = true
    if (Array.isArray(at.value)) {
      for (let i = from; i < at.value.length; i++) isValid = item(schema, at, run, i) && isValid
    }
    return isValid
  }
  const tuple =
    (schemas: ReadonlyArray<unknown>): Keyword =>
    (at, run) => {
      let isValid = true
      const length = Array.isArray(at.value) ? Math.min(at.value.length, schemas.length) : 0
      for (let i = 0; i < length; i++) isValid = item(schemas[i], at, run, i) && isValid
      return isValid
    }

  return {
    prefixItems: (argument) => tuple(several(argument)),
    items: (argument, schema) => {
      if (Array.isArray(argument)) return tuple(argument)
      const from = draft === "2020" ? several(schema["prefixItems"]).length : 0
      return (at, run) => items(argument, at, run, from)
    },
    additionalItems: (argument, schema) => {
      const first = schema["items"]
      return Array.isArray(first) ? (at, run) => items(argument, at, run, first.length) : undefined
    },
    contains: (argument, schema) => {
      const { maxContains: most, minContains } = draft === "07" ? {} : schema
      const least = typeof minContains === "number" ? minContains : 1
      return (at, run) => {
        if (!Array.isArray(at.value)) return true
        let found = 0
        const mine = { ...at, seen: undefined }
        for (let i = 0; i < at.value.length; i++) {
          if (!item(argument, mine, run, i, probe)) continue
          at.seen?.items.add(i)
          found++
        }
        const isValid = found >= least && (typeof most !== "number" || found <= most)
        return isValid || complain(run, at, "contains", `must contain at least ${least} valid item(s)`, argument)
      }
    },
    uniqueItems: (argument) => (at, run) => {
      if (argument !== true || !Array.isArray(at.value)) return true
      const known = new Set<string>()
      for (const one of at.value) {
        const text = canonical(one)
        spend(run, 1 + text.length / 2)
        known.add(text)
      }
      return known.size === at.value.length || complain(run, at, "uniqueItems", "must not have equal items", argument)
    },
    unevaluatedItems: (argument) => (at, run) => {
      let isValid = true
      if (!Array.isArray(at.value)) return true
      for (let i = 0; i < at.value.length; i++) {
        spend(run, 1)
        if (at.seen?.items.has(i) === true) continue
        if (argument === false)
          isValid = complain(run, at, "unevaluatedItems", "must NOT have unevaluated items", false)
        else isValid = item(argument, at, run, i) && isValid
      }
      return isValid
    }
  }
}
