/**
 * What a check of `doctor` found: what it looked at, what is wrong with it, and what to do.
 */
export type State = "ok" | "warn" | "fail"

export interface Finding {
  /** Of the fault, for programs: `binary.missing`. */
  readonly id: string
  readonly state: State
  /** What was looked at: a setting, a file, a program. */
  readonly subject: string
  readonly what: string
  /** Undefined where nothing is to be done. */
  readonly cure: string | undefined
}

export const ok = (id: string, subject: string, what: string): Finding => ({
  id,
  state: "ok",
  subject,
  what,
  cure: undefined
})
/** Something works worse than it could, or not for everybody. */
export const warn = (id: string, subject: string, what: string, cure: string): Finding => ({
  id,
  state: "warn",
  subject,
  what,
  cure
})
/** The gateway does not start, or answers no chat. */
export const fail = (id: string, subject: string, what: string, cure: string): Finding => ({
  id,
  state: "fail",
  subject,
  what,
  cure
})
