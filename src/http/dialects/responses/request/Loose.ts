/**
 * Lenient schemas: an object with any fields, and a field that may be absent or `null`.
 */
import { Schema } from "effect"

export const Loose = Schema.Record({ key: Schema.String, value: Schema.Unknown })
export type Loose = typeof Loose.Type

export const opt = <A, I>(schema: Schema.Schema<A, I>) => Schema.optional(Schema.NullOr(schema))

export const isLoose = (value: unknown): value is Loose => typeof value === "object" && value !== null
