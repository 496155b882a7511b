/**
 * The models in Anthropic's shape, and the names that lead to them.
 */
import { Either } from "effect"
import * as Model from "../../domain/Model.ts"
import type { ModelInfo, ModelList } from "./Api.ts"
import * as Errors from "./Errors.ts"

type Entry = typeof ModelInfo.Encoded

// Stable between calls: nothing tells when a model came to be.
const CREATED = "2024-01-01T00:00:00Z"

const toEntry = (id: string, name: string, model: Model.Model | undefined): Entry => ({
  type: "model",
  id,
  display_name: name,
  created_at: CREATED,
  ...(model?.contextLength === undefined ? {} : { max_input_tokens: model.contextLength })
})

/**
 * Keys first, then the aliases that name one thing and lead somewhere: pickers show only ids that hold `claude`, and an
 * alias is how a model comes by one.
 */
const entries = (models: ReadonlyArray<Model.Model>, options: Model.ResolveOptions): ReadonlyArray<Entry> => {
  const keys = models.map((model) => toEntry(model.key, model.name, model))
  const taken = new Set(models.map(({ key }) => key))
  const named = options.aliases.flatMap(({ efforts, pattern }) => {
    if (pattern.includes("*") || efforts !== undefined || taken.has(pattern)) return []
    taken.add(pattern)
    return Either.match(Model.resolve(models, pattern, options), {
      onLeft: () => [],
      onRight: ({ key, model }) => [toEntry(pattern, model?.name ?? key, model)]
    })
  })
  return [...keys, ...named]
}

export const toList = (models: ReadonlyArray<Model.Model>, options: Model.ResolveOptions): typeof ModelList.Encoded => {
  const data = entries(models, options)
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

export const toOne = (
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions,
  id: string
): Either.Either<Entry, Errors.Failure> => {
  const found = entries(models, options).find((entry) => entry.id === id)
  return found === undefined ? Either.left(Errors.modelNotFound(id)) : Either.right(found)
}
