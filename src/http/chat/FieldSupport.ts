/**
 * How request fields are supported: one table per dialect, with the same classes in all.
 */
import { Data, Effect } from "effect"

/**
 * `honoured`: works. `emulated`: works by the gateway's own means. `ignored`: accepted without effect and named in a
 * header. `refused`: a 400, because ignoring it would give a wrong answer.
 */
export type FieldClass = "honoured" | "emulated" | "ignored" | "refused"

export interface FieldRule {
  readonly class: FieldClass
  /** Refused values of an otherwise supported field. */
  readonly refused?: string
  readonly note?: string
}

/** A row for each field of the payload; a missing row does not compile. */
export type Fields<Payload> = Readonly<Record<keyof Payload & string, FieldRule>>

/** A dialect's table, as shown by `/v1/capabilities` and docs/parameters.md. */
export interface Dialect {
  readonly path: string
  readonly fields: Readonly<Record<string, FieldRule>>
  /** Max number of items per request, by field. */
  readonly limits: Readonly<Record<string, number>>
}

export const IGNORED_PARAMS = "x-lingma-ignored-params"

const NAME = /^[A-Za-z0-9_.-]{1,64}$/
const MOST = 32

/** A kind of a field's part, such as `tools.web_search`; the field alone if the kind is no plain identifier. */
export const within = (field: string, kind: string): string => {
  const name = `${field}.${kind.replaceAll("/", "_")}`
  return NAME.test(name) ? name : field
}

/** What a tool may ask for in any dialect, and when that is more than is done anyway: each call is made by the model itself, and waited for. */
const ofTools: Readonly<Record<string, (value: unknown) => boolean>> = {
  async: (value) => value === true,
  output_schema: (value) => value !== null && value !== undefined,
  input_examples: (value) => Array.isArray(value) && value.length > 0,
  allowed_callers: (value) => Array.isArray(value) && value.some((caller) => caller !== "direct")
}

/** Fields of a tool without effect. */
export const unheardOf = (tool: object): ReadonlyArray<string> =>
  Object.entries(tool).flatMap(([field, value]) =>
    Object.hasOwn(ofTools, field) && ofTools[field]?.(value) === true ? [within("tools", field)] : []
  )

/** Fields of a request without effect, unknown ones included. Names that are not plain identifiers are left out. */
export const ignored = ({ fields }: Pick<Dialect, "fields">, body: unknown): ReadonlyArray<string> => {
  const names: Array<string> = []
  if (typeof body !== "object" || body === null) return names
  for (const [name, value] of Object.entries(body)) {
    if (value === null || (Object.hasOwn(fields, name) && fields[name]?.class !== "ignored")) continue
    if (NAME.test(name) && names.push(name) === MOST) break
  }
  return names
}

/** An ignored field in strict mode (`GATEWAY_STRICT_PARAMS`). */
export class ParamRefused extends Data.TaggedError("ParamRefused")<{
  readonly param: string
  /** The dialect has a field of this name. */
  readonly known: boolean
}> {}

type Headers = Readonly<Record<string, string>>

/**
 * The `x-lingma-ignored-params` header, if anything is ignored. `strict`: the first ignored field is an error.
 * `leftOut`: parts of fields without effect, by `within`.
 */
export const heed = (
  dialect: Pick<Dialect, "fields">,
  body: unknown,
  strict: boolean,
  leftOut: ReadonlyArray<string> = []
) =>
  Effect.suspend((): Effect.Effect<Headers, ParamRefused> => {
    const parts = new Set(leftOut.filter((name) => NAME.test(name)))
    const names = [...ignored(dialect, body), ...parts].slice(0, MOST)
    const [param] = names
    if (param === undefined) return Effect.succeed({})
    if (strict) return new ParamRefused({ param, known: Object.hasOwn(dialect.fields, param.split(".")[0]!) })
    const params = names.join(", ")
    return Effect.as(Effect.annotateLogs(Effect.logDebug("request fields ignored"), { params }), {
      [IGNORED_PARAMS]: params
    })
  })
