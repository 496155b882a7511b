/**
 * The markers that calls and results are written with, and how one is recognised character by character.
 */

export { isBlank } from "../../json/Json.ts"

export const CALL = "<tool_call>"
export const CALL_END = "</tool_call>"
export const FUNCTION = "<function="
/** A slip, and the way of other forms. */
export const FUNCTION_NAMED = "<function name="
export const FUNCTION_END = "</function>"
export const PARAMETER = "<parameter="
export const PARAMETER_NAMED = "<parameter name="
export const PARAMETER_END = "</parameter>"
/** As MiniMax and others write functions. */
export const INVOKE = "<invoke name="
export const INVOKE_END = "</invoke>"
export const ARG_KEY = "<arg_key>"
export const ARG_KEY_END = "</arg_key>"
export const ARG_VALUE = "<arg_value>"
export const ARG_VALUE_END = "</arg_value>"
/** What came of a call begins so. */
export const RESPONSE = "<tool_response"
export const THINK = "<think>"
export const THINK_END = "</think>"

export type Grammar = "xml" | "hermes"

/** Names longer than this are none. */
export const MAX_NAME = 256

export const LF = 10
export const CR = 13
export const TICK = 96
export const TILDE = 126
export const LESS = 60
export const SQUARE = 91

/** Space, tab and line ends; nothing else separates. */

/** Begins neither a marker, nor code, nor a line. */
export const isPlain = (code: number): boolean =>
  code !== LESS && code !== LF && code !== CR && code !== TICK && code !== TILDE && code !== SQUARE

/** The marker that `text` is, or begins. */
export const begun = (text: string, markers: ReadonlyArray<string>): string | undefined =>
  markers.find((marker) => marker.startsWith(text))
