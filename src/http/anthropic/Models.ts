/**
 * The models in Anthropic's shape, and the names that lead to them.
 */
import { Either } from "effect"
import type { Alias, Model } from "../../domain/Model.ts"
import type { ModelInfo, ModelList } from "./Api.ts"
import * as Errors from "./Errors.ts"

type Entry = typeof ModelInfo.Encoded

// Stable between calls: nothing tells when a model came to be.
const CREATED = "2024-01-01T00:00:00Z"

const toEntry = (id: string, name: string, model: Model | undefined): Entry => ({
  type: "model",
  id,
  display_name: name,
  created_at: CREATED,
  ...(model?.contextLength === undefined ? {} : { max_input_tokens: model.contextLength })
})

const isTarget = (target: string, { key, name }: Model) =>
  key === target || name.toLowerCase() === target.trim().toLowerCase()

/**
 * Keys first, then the aliases that name one thing: pickers show only ids that begin with `claude`, and an alias is how
 * a model comes by one.
 */
const entries = (models: ReadonlyArray<Model>, aliases: ReadonlyArray<Alias>): ReadonlyArray<Entry> => {
  const keys = models.map((model) => toEntry(model.key, model.name, model))
  const taken = new Set(models.map(({ key }) => key))
  const named = aliases
    .filter(({ pattern }) => !pattern.includes("*") && !taken.has(pattern))
    .map(({ pattern, target }) => {
      const model = models.find((one) => isTarget(target, one))
      return toEntry(pattern, model?.name ?? target, model)
    })
  return [...keys, ...named]
}

export const toList = (models: ReadonlyArray<Model>, aliases: ReadonlyArray<Alias>): typeof ModelList.Encoded => {
  const data = entries(models, aliases)
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

export const toOne = (
  models: ReadonlyArray<Model>,
  aliases: ReadonlyArray<Alias>,
  id: string
): Either.Either<Entry, Errors.Failure> => {
  const found = entries(models, aliases).find((entry) => entry.id === id)
  return found === undefined ? Either.left(Errors.modelNotFound(id)) : Either.right(found)
}
