/**
 * Models in Anthropic's shape, listed under their ids and aliases.
 */
import { Either } from "effect"
import * as Model from "../../../domain/Model.ts"
import type { ModelInfo, ModelList } from "./Api.ts"
import * as Errors from "./Errors.ts"

type Entry = typeof ModelInfo.Encoded

// Constant, because the creation time of a model is unknown.
const CREATED = "2024-01-01T00:00:00Z"

const toEntry = ({ id, model, name }: Model.Named): Entry => ({
  type: "model",
  id,
  display_name: name,
  created_at: CREATED,
  ...(model?.contextLength === undefined ? {} : { max_input_tokens: model.contextLength })
})

/** Model pickers show only ids that contain `claude`, so aliases are listed, too. */
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

/** Accepts any name that a chat accepts. */
export const toOne = (
  models: ReadonlyArray<Model.Model>,
  options: Model.ResolveOptions,
  id: string,
  isAllowed: (id: string) => boolean
): Either.Either<Entry, Errors.Failure> => {
  const found = isAllowed(id) ? Model.named(models, id, options) : undefined
  return found === undefined ? Either.left(Errors.modelNotFound(id)) : Either.right(toEntry(found))
}
