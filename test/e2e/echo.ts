/**
 * A model that knows of files what an agent's tool shows it, and nothing else: it copies from its prompt, byte for
 * byte, into the calls it makes. Behind a gateway of its own, in this process.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { Effect } from "effect"
import * as Spoken from "../support/Spoken.ts"
import * as TestGateway from "../support/TestGateway.ts"
import * as Agents from "./agents.ts"

/** A file to edit: the line that changes, and what it becomes. */
export interface Edit {
  readonly name: string
  readonly text: string
  /** A part of the line. */
  readonly find: string
  readonly replace: string
}

export const edits: readonly [Edit, Edit] = [
  {
    // Not ".gitconfig": Claude Code asks a person before it writes one.
    name: "dev.gitconfig",
    text: "[core]\n\tautocrlf = input\n[user]\n\tname = A\n[tool]\n\tx = </tool_response>\n[system]\n",
    find: "name = A",
    replace: "name = B"
  },
  {
    name: "Params.java",
    text: 'class Params {\n  private List<Parameter> params; // </parameter>\n  Vec<Function> all = of("<tool_call>");\n}\n',
    find: "private List",
    replace: "final List"
  }
]

/** What it must be on the disk in the end. */
export const edited = ({ find, replace, text }: Edit): string => text.replace(find, replace)

/** Bodies of the results in a prompt, in their order. */
export const results = (prompt: string): ReadonlyArray<string> =>
  [...prompt.matchAll(/<tool_response[^>\n]* nonce="(\w+)">\n([\s\S]*?)\n<\/tool_response nonce="\1">/g)].map(
    ([, , body = ""]) => body
  )

/** The lines around the one that changes, as a result showed them. */
export const around = ({ find }: Edit, lines: ReadonlyArray<string>): readonly [string, string, string] => {
  const at = lines.findIndex((line) => line.includes(find))
  return [lines[at - 1] ?? "", lines[at] ?? "", lines[at + 1] ?? ""]
}

export interface Hand {
  readonly read: (edit: Edit, desk: Agents.Desk) => string
  /** `shown`: the file, as the agent's tool showed it. */
  readonly write: (edit: Edit, shown: string, desk: Agents.Desk) => string
}

/** Both files on a desk, and a gateway whose model reads and edits one after the other, then says that it is done. */
export const serve = Effect.fnUntraced(function* ({ read, write }: Hand) {
  const desk = yield* Agents.desk
  for (const { name, text } of edits) Agents.put(join(desk.work, name), text)
  const answer = (shown: ReadonlyArray<string>) => {
    const edit = edits[Math.floor(shown.length / 2)]
    if (edit === undefined) return "Both are edited."
    return shown.length % 2 === 0 ? read(edit, desk) : write(edit, shown.at(-1) ?? "", desk)
  }
  const scripted = Spoken.by((prompt) => (prompt.includes("<tools>") ? answer(results(prompt)) : "A title"))
  const { base } = yield* TestGateway.serve(scripted)
  const onDisk = () => edits.map(({ name }) => readFileSync(join(desk.work, name), "utf8"))
  return { base, desk, onDisk, prompts: () => scripted.asks.map(({ prompt }) => prompt) }
})
