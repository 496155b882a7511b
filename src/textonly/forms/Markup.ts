/**
 * Markers of calls and results, and helpers to recognize them character by character.
 */

export { isBlank } from "../../json/Json.ts"

export const CALL = "<tool_call>"
export const CALL_END = "</tool_call>"
export const FUNCTION = "<function="
/** A common mistake, and standard in other syntaxes. */
export const FUNCTION_NAMED = "<function name="
export const FUNCTION_END = "</function>"
export const PARAMETER = "<parameter="
export const PARAMETER_NAMED = "<parameter name="
export const PARAMETER_END = "</parameter>"
/** Functions of MiniMax and others. */
export const INVOKE = "<invoke name="
export const INVOKE_END = "</invoke>"
export const ARG_KEY = "<arg_key>"
export const ARG_KEY_END = "</arg_key>"
export const ARG_VALUE = "<arg_value>"
export const ARG_VALUE_END = "</arg_value>"
/** Start of a tool result. */
export const RESPONSE = "<tool_response"
export const THINK = "<think>"
export const THINK_END = "</think>"

export type Grammar = "xml" | "hermes"

/** Max length of a name. */
export const MAX_NAME = 256

export const LF = 10
export const CR = 13
export const TICK = 96
export const TILDE = 126
export const LESS = 60
export const SQUARE = 91

/** Space, tab and line ends. */

/** Starts neither a marker, nor code, nor a line. */
export const isPlain = (code: number): boolean =>
  code !== LESS && code !== LF && code !== CR && code !== TICK && code !== TILDE && code !== SQUARE

/** The marker that starts with `text`. */
export const begun = (text: string, markers: ReadonlyArray<string>): string | undefined =>
  markers.find((marker) => marker.startsWith(text))
