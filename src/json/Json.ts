/**
 * What JSON's values are, by a look at them.
 */
export type JsonObject = Readonly<Record<string, unknown>>

/** An object, and no array. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Of a character, by its code: what may stand between the parts of JSON. */
export const isBlank = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9
