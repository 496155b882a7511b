/**
 * Findings of `doctor` on a screen: what is well in few lines, each fault with its cure.
 */
import * as Terminal from "../screen/Terminal.ts"
import type { Finding } from "./Finding.ts"

const INDENT = "  "
const MARK = 6

const marks = {
  ok: Terminal.paint("green", "ok"),
  warn: Terminal.paint("yellow", "warn"),
  fail: Terminal.paint("red", "FAIL")
} as const

const line = (state: Finding["state"], text: string) => `${INDENT}${Terminal.pad(marks[state], MARK)}${text}`
const below = (text: string) => `${INDENT}${" ".repeat(MARK)}${text}`

/** One line where it fits, else the cure below. */
const fault = (one: Finding, subjects: number, columns: number): ReadonlyArray<string> => {
  const room = columns - INDENT.length - MARK
  const subject = Terminal.pad(Terminal.clean(one.subject), subjects)
  const what = `${subject}  ${Terminal.clean(one.what)}`
  const cure = one.cure === undefined ? "" : `→ ${Terminal.clean(one.cure)}`
  if (Terminal.width(what) + 2 + Terminal.width(cure) <= room) return [line(one.state, `${what}  ${cure}`)]
  const [first = "", ...more] = Terminal.wrap(Terminal.clean(one.what), Math.max(20, room - subjects - 2))
  const indent = " ".repeat(subjects + 2)
  const cures = Terminal.wrap(cure, Math.max(20, room - subjects - 2))
  return [line(one.state, `${subject}  ${first}`), ...[...more, ...cures].map((text) => below(indent + text))]
}

const well = (findings: ReadonlyArray<Finding>, columns: number): ReadonlyArray<string> => {
  const room = columns - INDENT.length - MARK
  const texts = findings.map(({ subject, what }) => Terminal.clean(`${subject} ${what}`))
  const lines: Array<string> = []
  for (const text of texts) {
    const last = lines.at(-1)
    if (last !== undefined && Terminal.width(last) + 3 + Terminal.width(text) <= room)
      lines[lines.length - 1] = `${last} · ${text}`
    else lines.push(...Terminal.wrap(text, room))
  }
  return lines.map((text, i) => (i === 0 ? line("ok", text) : below(text)))
}

const LONGEST_SUBJECT = 24

export const render = (findings: ReadonlyArray<Finding>, columns: number): ReadonlyArray<string> => {
  const faults = findings.filter(({ state }) => state !== "ok")
  const order = [...faults.filter(({ state }) => state === "fail"), ...faults.filter(({ state }) => state === "warn")]
  const subjects = Math.min(LONGEST_SUBJECT, Math.max(0, ...order.map(({ subject }) => Terminal.width(subject))))
  const count = (state: Finding["state"]) => findings.filter((one) => one.state === state).length
  const verdict = faults.length === 0 ? "Nothing is wrong." : `${count("fail")} wrong, ${count("warn")} worth a look.`
  return [
    ...well(
      findings.filter(({ state }) => state === "ok"),
      columns
    ),
    ...order.flatMap((one) => fault(one, subjects, columns)),
    "",
    `${INDENT}${verdict}`
  ]
}
