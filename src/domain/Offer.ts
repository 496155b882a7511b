/**
 * What the models of an instance are to a request: the one that it means, or why none of them will do.
 */
import { Either } from "effect"
import type { ReasoningEffort } from "./Chat.ts"
import { ContextLengthExceeded, ImagesNotSupported, ModelNotFound } from "./ChatError.ts"
import * as Model from "./Model.ts"

type Models = ReadonlyArray<Model.Model>

export interface Need {
  readonly model: string
  readonly effort?: ReasoningEffort | undefined
  /** There are pictures that were not answered yet. */
  readonly images: boolean
  /** Where the first of them stands in the client's request. */
  readonly param?: string | undefined
  /** Of the prompt; an estimate on the safe side. */
  readonly tokens: number
}

/** Why a list of models will not do. Of several, the first here is the most telling. */
export type Refusal = ContextLengthExceeded | ImagesNotSupported | ModelNotFound

/** Of a list that is empty, which is one that is not known, nothing is refused. */
export type Offer = Either.Either<Model.Resolved, Refusal>

const order = ["ContextLengthExceeded", "ImagesNotSupported", "ModelNotFound"] satisfies ReadonlyArray<Refusal["_tag"]>

export const isRefusal = (error: { readonly _tag: string }): error is Refusal => order.some((tag) => tag === error._tag)

const isNearer = (a: Refusal, b: Refusal) =>
  a._tag === "ContextLengthExceeded" && b._tag === a._tag
    ? a.limit > b.limit
    : order.indexOf(a._tag) < order.indexOf(b._tag)

/** Of the reasons of several instances the one that came closest: of windows the longest. */
export const nearest = (first: Refusal, ...others: ReadonlyArray<Refusal>): Refusal =>
  others.reduce((best, other) => (isNearer(other, best) ? other : best), first)

/** Names remembered for one list, and the longest of them. */
const MOST_NAMES = 256
const LONGEST_NAME = 128

/** Each name is looked up once in a list of models, as long as the list is the same one. */
export const make = (options: Model.ResolveOptions) => {
  type Resolution = Either.Either<Model.Resolved, ModelNotFound>
  const lists = new WeakMap<Models, Map<string, Resolution>>()

  const look = (models: Models, { effort, model }: Need): Resolution =>
    Either.mapLeft(
      Model.resolve(models, model, options, effort),
      (near) => new ModelNotFound({ model: Model.cut(model), near })
    )
  const resolve = (models: Models, need: Need): Resolution => {
    const { effort, model } = need
    if (model.length > LONGEST_NAME) return look(models, need)
    const name = `${effort ?? ""}\n${model}`
    let names = lists.get(models)
    const known = names?.get(name)
    if (known !== undefined) return known
    if (names === undefined || names.size >= MOST_NAMES) {
      names = new Map()
      lists.set(models, names)
    }
    const resolution = look(models, need)
    names.set(name, resolution)
    return resolution
  }

  return (models: Models, need: Need): Offer => {
    const resolved = resolve(models, need)
    if (Either.isLeft(resolved)) return resolved
    const { key, model } = resolved.right
    if (need.images && Model.refusesImages(model)) {
      return Either.left(new ImagesNotSupported({ model: Model.cut(key), param: need.param }))
    }
    const limit = model?.contextLength
    return limit !== undefined && need.tokens > limit
      ? Either.left(new ContextLengthExceeded({ promptTokens: need.tokens, limit }))
      : resolved
  }
}
