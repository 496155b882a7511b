/**
 * What becomes of the fields that clients send: one table per dialect, in words that all dialects share.
 */
import { Data, Effect } from "effect"

/**
 * `honoured`: does what it says. `emulated`: does what it says by our own means. `ignored`: taken, without effect, and
 * named in a header. `refused`: a 400, because ignoring it would give a wrong answer.
 */
export type FieldClass = "honoured" | "emulated" | "ignored" | "refused"

export interface FieldRule {
  readonly class: FieldClass
  /** Values that are refused although the field is not. */
  readonly refused?: string
  readonly note?: string
}

/** A row for each field of a payload: a field without one does not compile. */
export type Fields<Payload> = Readonly<Record<keyof Payload & string, FieldRule>>

/** What a dialect tells of itself. */
export interface Dialect {
  readonly path: string
  readonly fields: Readonly<Record<string, FieldRule>>
  /** Most of something in one request. */
  readonly limits: Readonly<Record<string, number>>
}

export const IGNORED_PARAMS = "x-lingma-ignored-params"

const NAME = /^[A-Za-z0-9_.-]{1,64}$/
const MOST = 32

/** Fields of a request that had no effect, unknown ones included. Names that do not look like one are left out. */
export const ignored = ({ fields }: Pick<Dialect, "fields">, body: unknown): ReadonlyArray<string> => {
  const names: Array<string> = []
  if (typeof body !== "object" || body === null) return names
  for (const [name, value] of Object.entries(body)) {
    if (value === null || (Object.hasOwn(fields, name) && fields[name]?.class !== "ignored")) continue
    if (NAME.test(name) && names.push(name) === MOST) break
  }
  return names
}

/** A field that would be ignored, where nothing may be. */
export class ParamRefused extends Data.TaggedError("ParamRefused")<{
  readonly param: string
  /** It is one of the dialect's. */
  readonly known: boolean
}> {}

type Headers = Readonly<Record<string, string>>

/** The header that names what is ignored; none when everything had its effect. `strict`: the first one is refused. */
export const heed = (dialect: Pick<Dialect, "fields">, body: unknown, strict: boolean) =>
  Effect.suspend((): Effect.Effect<Headers, ParamRefused> => {
    const names = ignored(dialect, body)
    const [param] = names
    if (param === undefined) return Effect.succeed({})
    if (strict) return new ParamRefused({ param, known: Object.hasOwn(dialect.fields, param) })
    const params = names.join(", ")
    return Effect.as(Effect.annotateLogs(Effect.logDebug("request fields ignored"), { params }), {
      [IGNORED_PARAMS]: params
    })
  })
