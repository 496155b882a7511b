/**
 * Resolves a script for one turn: the pieces of the answer, their timing, the faults.
 */
import * as Endings from "./Endings.ts"
import * as Faults from "./Faults.ts"
import * as Script from "./Script.ts"

export interface Piece {
  readonly text: string
  /** Milliseconds before it, instead of the interval. */
  readonly delay?: number | undefined
}

export interface Plan {
  readonly thoughts: ReadonlyArray<Piece>
  readonly pieces: ReadonlyArray<Piece>
  readonly interval: number
  readonly burst: number
  readonly first: number
  readonly empty: number
  readonly faults: Faults.Faults
  readonly ackBlock: boolean
  readonly thinkInline: boolean
  readonly full: boolean
  readonly split: number
  readonly bytes: number
  readonly join: number
  /** Reason of a failed finish. */
  readonly reason: string | undefined
  readonly reply: "bare" | "empty" | "stop"
  /** Send token counts at the end and after every N chunks; 0 = never. */
  readonly usage: number
  readonly promptTokens: number
  readonly completionTokens: number | undefined
  readonly limitTokens: number
  /** What the log gets as the turn begins. */
  readonly mark: string | undefined
}

export interface Question {
  readonly text: string
  readonly images: ReadonlyArray<string>
  readonly modelName: string
  readonly reasoning: boolean
  readonly limitTokens: number
  /** The statusCode that every turn of this model ends with, if any. */
  readonly refusal: number | undefined
}

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" })

/** Splits a text into pieces of about four characters, never inside a character. */
export const cut = (text: string): ReadonlyArray<Piece> => {
  const pieces: Array<Piece> = []
  let held = ""
  let count = 0
  for (const sign of text.length > 100_000 ? text : Array.from(graphemes.segment(text), (part) => part.segment)) {
    held += sign
    if (++count % 4 === 0) {
      pieces.push({ text: held })
      held = ""
    }
  }
  if (held !== "") pieces.push({ text: held })
  return pieces
}

const counted = new Map<number, ReadonlyArray<Piece>>()

const countedPieces = (tokens: number): ReadonlyArray<Piece> => {
  const known = counted.get(tokens)
  if (known !== undefined) return known
  const made = Array.from({ length: tokens }, (_, i) => ({ text: `t${i} ` }))
  if (counted.size > 8) counted.clear()
  counted.set(tokens, made)
  return made
}

/** Its text is computed when it is sent. */
const stamped: Piece = {
  get text() {
    return `${process.hrtime.bigint() / 1000n} `
  }
}

const toPieces = (given: string | ReadonlyArray<string | Piece>): ReadonlyArray<Piece> =>
  typeof given === "string" ? cut(given) : given.map((piece) => (typeof piece === "string" ? { text: piece } : piece))

const greeting = (question: Question): string => {
  const asked =
    question.text.length > 600 ? `…${question.text.slice(-600).replace(/^[\uDC00-\uDFFF]/, "")}` : question.text
  const images = question.images.length === 0 ? "" : `\n\nImages received: ${question.images.join(", ")}.`
  return (
    "Hello from the built-in stand-in for Lingma. There is no model behind it: it only repeats what it was asked. " +
    `Set LINGMA_BIN to the real Lingma binary for real answers.\n\nModel: ${question.modelName}\nYou asked: ${asked}${images}\n`
  )
}

const musing = "There is no model here to think. The stand-in only shows what a thought looks like on its way to you."

/** The statusCode that ends the turn before any output, if any. */
const refusalOf = (script: Script.Script, question: Question): number | undefined => {
  const longest = Faults.find(script.fault ?? [], "too_long")?.value
  if (question.refusal !== undefined || longest === undefined) return question.refusal
  return question.text.length > longest ? (script.code ?? Endings.TOO_LONG) : undefined
}

/** A plan with only the finish. */
const refused = (plan: Plan, code: number): Plan => ({
  ...plan,
  pieces: [],
  thoughts: [],
  faults: [{ name: "finish_error", value: code, at: undefined }]
})

export const make = (base: Script.Script, queued: Script.Script | undefined, question: Question): Plan => {
  const found = Script.directive(question.text)
  const given = typeof found.script === "string" ? { text: `[[emu …]] not understood: ${found.script}` } : found.script
  const script = Script.over(queued === undefined ? base : Script.over(base, queued), given)
  const faults = script.fault ?? []
  const interval = Faults.find(faults, "slow")?.value ?? script.interval ?? 30
  const pieces =
    script.chunks !== undefined
      ? toPieces(script.chunks)
      : script.text !== undefined
        ? cut(script.text)
        : script.tokens !== undefined
          ? script.stamp === 1
            ? Array.from({ length: script.tokens }, () => stamped)
            : countedPieces(script.tokens)
          : cut(greeting({ ...question, text: found.rest }))
  const plan: Plan = {
    pieces,
    thoughts: toPieces(script.thoughts ?? (question.reasoning ? musing : "")),
    interval,
    burst: Math.max(1, script.burst ?? 1),
    first: script.first ?? (interval === 0 ? 0 : 150),
    empty: script.empty ?? 1,
    faults,
    ackBlock: script.ack === "block",
    thinkInline: script.think === "inline",
    full: script.full === 1,
    split: script.split ?? 0,
    bytes: script.bytes ?? 0,
    join: script.join ?? 0,
    reason: script.reason,
    reply: script.reply ?? "bare",
    usage: script.usage ?? 0,
    promptTokens: script.input ?? Math.ceil(question.text.length / 4),
    completionTokens: script.output,
    limitTokens: question.limitTokens,
    mark: script.mark
  }
  const refusal = refusalOf(script, question)
  return refusal === undefined ? plan : refused(plan, refusal)
}
