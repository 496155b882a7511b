/**
 * The markers that calls and results are written with, and how one is recognised character by character.
 */

export const CALL = "<tool_call>"
export const CALL_END = "</tool_call>"
export const FUNCTION = "<function="
export const FUNCTION_END = "</function>"
export const PARAMETER = "<parameter="
export const PARAMETER_END = "</parameter>"
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

/** Space, tab and line ends; nothing else separates. */
export const isBlank = (code: number): boolean => code === 32 || code === LF || code === CR || code === 9

/** The marker that `text` is, or begins. */
export const begun = (text: string, markers: ReadonlyArray<string>): string | undefined =>
  markers.find((marker) => marker.startsWith(text))
