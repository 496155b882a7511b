/**
 * The models in Anthropic's shape, and the names that lead to them.
 */
import { Either } from "effect"
import * as Model from "../../../domain/Model.ts"
import type { ModelInfo, ModelList } from "./Api.ts"
import * as Errors from "./Errors.ts"

type Entry = typeof ModelInfo.Encoded

// Stable between calls: nothing tells when a model came to be.
const CREATED = "2024-01-01T00:00:00Z"

const toEntry = ({ id, model, name }: Model.Named): Entry => ({
  type: "model",
  id,
  display_name: name,
  created_at: CREATED,
  ...(model?.contextLength === undefined ? {} : { max_input_tokens: model.contextLength })
})

/** Pickers show only ids that hold `claude`, and an alias is how a model comes by one. */
export const toList = (
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions,
  isAllowed: (id: string) => boolean
): typeof ModelList.Encoded => {
  const data = Model.names(models, options)
    .filter(({ id }) => isAllowed(id))
    .map(toEntry)
  return { data, has_more: false, first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null }
}

/** Any name that a chat would take. */
export const toOne = (
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions,
  id: string,
  isAllowed: (id: string) => boolean
): Either.Either<Entry, Errors.Failure> => {
  const found = isAllowed(id) ? Model.named(models, id, options) : undefined
  return found === undefined ? Either.left(Errors.modelNotFound(id)) : Either.right(toEntry(found))
}
