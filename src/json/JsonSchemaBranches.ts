/**
 * JSON Schema keywords that apply other schemas: references, alternatives and conditions.
 */
import { branch, complain, type Engine, isText, type Maker, type Makers, newSeen, several } from "./JsonSchemaRun.ts"

export const makers = (engine: Engine): Makers => {
  const { probe, resolve, validate } = engine

  const refer: Maker = (reference, schema) => {
    if (!isText(reference)) return undefined
    let target: unknown
    return (at, run) => {
      target ??= resolve(schema, reference)
      return branch(validate, target, at, run)
    }
  }

  return {
    $ref: refer,
    $dynamicRef: refer,
    $recursiveRef: refer,
    allOf: (argument) => (at, run) => {
      let isValid = true
      for (const one of several(argument)) isValid = branch(validate, one, at, run) && isValid
      return isValid
    },
    anyOf: (argument) => (at, run) => {
      const before = run.complaints.length
      let isValid = false
      for (const one of several(argument)) {
        isValid = branch(validate, one, at, run) || isValid
        if (isValid && at.seen === undefined) break
      }
      if (!isValid) return complain(run, at, "anyOf", "must match a schema in anyOf", argument)
      run.complaints.length = before
      return true
    },
    oneOf: (argument) => (at, run) => {
      const before = run.complaints.length
      let valid = 0
      for (const one of several(argument)) {
        if (branch(validate, one, at, run)) valid++
        if (valid > 1) break
      }
      if (valid > 0) run.complaints.length = before
      return valid === 1 || complain(run, at, "oneOf", "must match exactly one schema in oneOf", argument)
    },
    not: (argument) => (at, run) =>
      !probe(argument, { ...at, seen: newSeen(engine) }, run) ||
      complain(run, at, "not", "must NOT be valid", argument),
    if:
      (argument, { else: otherwise, then }) =>
      (at, run) => {
        const [word, chosen] = branch(probe, argument, at, run) ? ["then", then] : ["else", otherwise]
        if (chosen === undefined || branch(validate, chosen, at, run)) return true
        return complain(run, at, "if", `must match "${word}" schema`, chosen)
      }
  }
}
