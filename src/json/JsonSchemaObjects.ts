/**
 * JSON Schema keywords for object members.
 */

import type { JsonSchema } from "../domain/Chat.ts"
import { isRecord } from "./Json.ts"
import {
  type At,
  branch,
  complain,
  type Engine,
  isText,
  type Keyword,
  type Maker,
  type Makers,
  newSeen,
  type Run,
  several,
  spend,
  type Values
} from "./JsonSchemaRun.ts"

const texts = (value: unknown): ReadonlyArray<string> => several(value).filter(isText)

const required = (names: ReadonlyArray<string>, because?: string): Keyword => {
  const keyword = because === undefined ? "required" : "dependentRequired"
  return (at, run) => {
    if (!isRecord(at.value)) return true
    if (because !== undefined && !Object.hasOwn(at.value, because)) return true
    let isValid = true
    for (const name of names) {
      spend(run, 1)
      if (Object.hasOwn(at.value, name)) continue
      const message =
        because === undefined
          ? `must have required property '${name}'`
          : `must have property ${name} when property ${because} is present`
      isValid = complain(run, at, keyword, message, names, { missingProperty: name })
    }
    return isValid
  }
}

export const makers = (engine: Engine): Makers => {
  const { pattern, probe, validate } = engine

  const member = (schema: unknown, at: At, run: Run, key: string): boolean => {
    at.seen?.keys.add(key)
    const inner = { value: (at.value as Values)[key], path: { up: at.path, key }, seen: newSeen(engine) }
    return validate(schema, inner, run)
  }

  const dependencies: Maker = (argument) => {
    if (!isRecord(argument)) return undefined
    const rules = Object.entries(argument).map(([key, one]): Keyword => {
      if (Array.isArray(one)) return required(texts(one), key)
      return (at, run) => !isRecord(at.value) || !Object.hasOwn(at.value, key) || branch(validate, one, at, run)
    })
    return (at, run) => {
      let isValid = true
      spend(run, rules.length)
      for (const rule of rules) isValid = rule(at, run) && isValid
      return isValid
    }
  }

  const patternsOf = (schema: JsonSchema) =>
    isRecord(schema["patternProperties"])
      ? Object.entries(schema["patternProperties"]).map(([source, one]) => [pattern(source), one] as const)
      : []

  const extra =
    (keyword: string, argument: unknown, isNamed: (key: string, at: At, run: Run) => boolean): Keyword =>
    (at, run) => {
      if (!isRecord(at.value)) return true
      let isValid = true
      for (const key of Object.keys(at.value)) {
        spend(run, 1)
        if (isNamed(key, at, run)) continue
        if (argument === false) {
          const name = keyword === "additionalProperties" ? "additionalProperty" : "unevaluatedProperty"
          const what = keyword === "additionalProperties" ? "additional" : "unevaluated"
          isValid = complain(run, at, keyword, `must NOT have ${what} properties`, argument, { [name]: key })
        } else isValid = member(argument, at, run, key) && isValid
      }
      return isValid
    }

  return {
    required: (argument) => required(texts(argument)),
    dependentRequired: dependencies,
    dependentSchemas: dependencies,
    dependencies,
    properties: (argument) => {
      if (!isRecord(argument)) return undefined
      const names = Object.keys(argument)
      return (at, run) => {
        const { value } = at
        if (!isRecord(value)) return true
        // Iterate over the smaller set.
        const keys = Object.keys(value)
        spend(run, Math.min(keys.length, names.length))
        let isValid = true
        const [few, many] = names.length <= keys.length ? [names, value] : [keys, argument]
        for (const key of few) if (Object.hasOwn(many, key)) isValid = member(argument[key], at, run, key) && isValid
        return isValid
      }
    },
    patternProperties: (_, schema) => {
      const wanted = patternsOf(schema)
      return (at, run) => {
        if (!isRecord(at.value)) return true
        let isValid = true
        for (const key of Object.keys(at.value)) {
          spend(run, 1 + wanted.length)
          for (const [one, inner] of wanted) {
            if (one.test(key, run.work.patterns)) isValid = member(inner, at, run, key) && isValid
          }
        }
        return isValid
      }
    },
    additionalProperties: (argument, schema) => {
      const named: unknown = schema["properties"]
      const wanted = patternsOf(schema)
      return extra("additionalProperties", argument, (key, _, run) => {
        if (isRecord(named) && Object.hasOwn(named, key)) return true
        spend(run, wanted.length)
        return wanted.some(([one]) => one.test(key, run.work.patterns))
      })
    },
    propertyNames: (argument) => (at, run) => {
      if (!isRecord(at.value)) return true
      let isValid = true
      for (const key of Object.keys(at.value)) {
        if (probe(argument, { value: key, path: undefined, seen: undefined }, run)) continue
        isValid = complain(run, at, "propertyNames", "property name must be valid", argument)
      }
      return isValid
    },
    unevaluatedProperties: (argument) =>
      extra("unevaluatedProperties", argument, (key, at) => at.seen?.keys.has(key) === true)
  }
}
