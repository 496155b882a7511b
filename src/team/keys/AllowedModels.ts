/**
 * Which names of models a key may use: those that its patterns match, and those that mean the same model.
 */
import { Either } from "effect"
import type { ReasoningEffort } from "../../domain/Chat.ts"
import * as Model from "../../domain/Model.ts"

export type Allowed = (asked: string, effort?: ReasoningEffort) => boolean

export const all: Allowed = () => true

const matcher = (patterns: ReadonlyArray<string>) => (name: string) =>
  patterns.some((pattern) => Model.matches({ pattern }, name))

/** A name that no ready instance knows may still be another's: it has to match by itself. */
export const make = (
  patterns: ReadonlyArray<string>,
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions
): Allowed => {
  if (patterns.length === 0) return all
  const matches = matcher(patterns)
  const exact = { ...options, fallback: "none" } as const
  const keyOf = (name: string) =>
    Either.match(Model.resolve(models, name, exact), { onLeft: () => undefined, onRight: ({ key }) => key })
  const named = Model.names(models, options).flatMap(({ id }) => (matches(id) ? [keyOf(id)] : []))
  const keys = new Set(named.filter((key) => key !== undefined))
  return (asked, effort) =>
    Either.match(Model.resolve(models, asked, exact, effort), {
      onLeft: () =>
        (asked.trim() !== "" && matches(asked)) || (options.fallback === "default" && keys.has(keyOf("") ?? "")),
      // Agent mode is more than the model, so it has to be named.
      onRight: ({ key, mode, model }) =>
        (asked.trim() !== "" && matches(asked)) ||
        (mode === undefined && (keys.has(key) || (model !== undefined && matches(model.name))))
    })
}

/** Patterns that match none of the names that clients can use. */
export const unmatched = (
  patterns: ReadonlyArray<string>,
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions
): ReadonlyArray<string> => {
  const names = Model.names(models, options).flatMap(({ id, name }) => [id, name])
  return patterns.filter((pattern) => !names.some((name) => Model.matches({ pattern }, name)))
}
