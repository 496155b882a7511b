/**
 * Type and whitespace checks for JSON.
 */
export type JsonObject = Readonly<Record<string, unknown>>

/** An object other than an array. */
export const isRecord = (value: unknown): value is JsonObject =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** Whether a character code is JSON whitespace. */
export const isBlank = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9
