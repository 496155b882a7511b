/**
 * `docs/parameters.md`: what becomes of each request field, from the tables that the gateway itself goes by.
 */

import { type Dialect, type FieldClass, type FieldRule, IGNORED_PARAMS } from "../../src/http/chat/FieldSupport.ts"
import * as Registry from "../../src/http/dialects/Registry.ts"
import { type Row, table } from "./Table.ts"

const classes: ReadonlyArray<FieldClass> = ["honoured", "emulated", "ignored", "refused"]

const escaped = (text = "") => text.replaceAll("|", "\\|")

const rowOf = ([name, rule]: readonly [string, FieldRule]): Row => [
  `\`${name}\``,
  rule.class,
  escaped(rule.refused),
  escaped(rule.note)
]

const section = ({ fields, limits, path }: Dialect): string => {
  const byClass = classes.flatMap((name) => Object.entries(fields).filter(([, rule]) => rule.class === name))
  const most = Object.entries(limits).map(([what, n]) => `\`${what}\` ${n}`)
  return [
    `## POST ${path}`,
    table(["field", "class", "refused values", "note"], byClass.map(rowOf)),
    ...(most.length === 0 ? [] : [`In one request at most: ${most.join(", ")}.`])
  ].join("\n\n")
}

const opening = `# Parameters

Made by \`npm run docs\` from \`src/http/dialects/*/Fields.ts\`, which is also what \`GET /v1/capabilities\` tells.

${table(
  ["class", "what becomes of the field"],
  [
    ["honoured", "does what it says"],
    ["emulated", "does what it says, by the gateway's own means: Lingma answers in text only"],
    ["ignored", "taken, without effect"],
    ["refused", "400, since ignoring it would give a wrong answer"]
  ]
)}

Ignored fields, and those that no table has, are named in the header \`${IGNORED_PARAMS}\` of the answer; with \`GATEWAY_STRICT_PARAMS=true\`
they are a 400. \`null\` is as if the field were not there. "Refused values" are a 400 although the field is not.`

export const render = (dialects: ReadonlyArray<Dialect> = Registry.support): string =>
  `${[opening, ...dialects.map(section)].join("\n\n")}\n`
