/**
 * Models and quotas per account, set by `LINGMA_EMULATOR_ACCOUNTS` or `POST /__control/account`.
 *
 * `{"alice": {"models": ["auto", {"key": "kmodel", "max_input_tokens": 32000}], "spent": ["kmodel"]}, "*": {"spent": ["*"]}}`:
 * the name `*` is any other account, the spent model `*` the whole account. Default of `models`: all. An entry of
 * `models` may override fields of a known model, or add a new one.
 */
import { Schema } from "effect"
import * as Models from "./Models.ts"

const Offered = Schema.Struct({
  key: Schema.NonEmptyString,
  displayName: Schema.optionalWith(Schema.String, { exact: true }),
  isReasoning: Schema.optionalWith(Schema.Boolean, { exact: true }),
  isVl: Schema.optionalWith(Schema.Boolean, { exact: true }),
  max_input_tokens: Schema.optionalWith(Schema.NonNegativeInt, { exact: true })
})

export const Allowance = Schema.Struct({
  models: Schema.optional(Schema.Array(Schema.Union(Schema.NonEmptyString, Offered))),
  spent: Schema.optional(Schema.Array(Schema.String))
})

export type Allowance = typeof Allowance.Type

export const Allowances = Schema.Record({ key: Schema.String, value: Allowance })

/** Who is signed in, and what each account may use. */
interface Accounts {
  readonly account: { readonly name: string } | undefined
  /** By account name. */
  readonly allowances: ReadonlyMap<string, Allowance>
}

const of = (world: Accounts): Allowance =>
  world.allowances.get(world.account?.name ?? "") ?? world.allowances.get("*") ?? {}

/** Models of the signed-in account, by scene. */
export const scenes = (world: Accounts): Readonly<Record<string, ReadonlyArray<Models.Model>>> => {
  const { models } = of(world)
  if (models === undefined) return Models.scenes
  const offered = models.map((given) => (typeof given === "string" ? { key: given } : given))
  return Object.fromEntries(
    Object.entries(Models.scenes).map(([scene, listed]) => [
      scene,
      offered.flatMap((given) => {
        const found = listed.find((model) => model.key === given.key)
        if (found !== undefined) return [{ ...found, ...given }]
        return scene === "chat" && Models.find(given.key) === undefined
          ? [{ ...Models.item(given.key, given.key), ...given }]
          : []
      })
    ])
  )
}

/** One of the account's models; the empty key is the default model, or the first one if the account lacks that. */
export const find = (world: Accounts, key: string): Models.Model | undefined => {
  if (of(world).models === undefined) return Models.find(key)
  const listed = Object.values(scenes(world)).flat()
  return key === "" ? (listed.find((model) => model.isDefault) ?? listed[0]) : listed.find((model) => model.key === key)
}

/** The statusCode if the model is used up: its turns end with it before any output. */
export const refusalOf = (world: Accounts, model: Models.Model): number | undefined => {
  const spent = of(world).spent ?? []
  return spent.includes("*") ? 110 : spent.includes(model.key) ? 112 : undefined
}
