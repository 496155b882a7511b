/**
 * Resolves what a request needs against an instance's models: the model meant, or why none fits.
 */
import { Either } from "effect"
import type { ReasoningEffort } from "./Chat.ts"
import { ContextLengthExceeded, ImagesNotSupported, ModelNotFound } from "./ChatError.ts"
import * as Model from "./Model.ts"

type Models = ReadonlyArray<Model.Model>

export interface Need {
  readonly model: string
  readonly effort?: ReasoningEffort | undefined
  /** The latest user turn holds pictures. */
  readonly images: boolean
  /** JSON path of the first of them in the client's request, for the error. */
  readonly param?: string | undefined
  /** Prompt tokens, estimated high. */
  readonly tokens: number
}

/** Why no model fits, the most informative first. */
export type Refusal = ContextLengthExceeded | ImagesNotSupported | ModelNotFound

/** An empty list means unknown, so nothing is refused. */
export type Offer = Either.Either<Model.Resolved, Refusal>

const order = ["ContextLengthExceeded", "ImagesNotSupported", "ModelNotFound"] satisfies ReadonlyArray<Refusal["_tag"]>

export const isRefusal = (error: { readonly _tag: string }): error is Refusal => order.some((tag) => tag === error._tag)

const isNearer = (a: Refusal, b: Refusal) =>
  a._tag === "ContextLengthExceeded" && b._tag === a._tag
    ? a.limit > b.limit
    : order.indexOf(a._tag) < order.indexOf(b._tag)

/** The most informative refusal of several instances; of context windows, the largest. */
export const nearest = (first: Refusal, ...others: ReadonlyArray<Refusal>): Refusal =>
  others.reduce((best, other) => (isNearer(other, best) ? other : best), first)

/** Bounds of the cache: names per list of models, and characters of a name. */
const MOST_NAMES = 256
const LONGEST_NAME = 128

/** Resolutions are cached per list of models, by identity of the list. */
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
