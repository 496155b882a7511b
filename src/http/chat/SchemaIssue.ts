/**
 * The first problem of a body that does not match its schema, in neutral form and without the sent value.
 */
import type { ParseResult } from "effect"
import { SchemaAST as AST, Option } from "effect"
import { repair } from "./WellFormed.ts"

export type Kind = "null" | "boolean" | "string" | "integer" | "number" | "array" | "object"

/** Path of the problem. */
export type Path = ReadonlyArray<string | number>

export type Rule =
  | "minimum"
  | "maximum"
  | "minLength"
  | "maxLength"
  | "minItems"
  | "maxItems"
  | "maxProperties"
  | "maxNameLength"
  | "pattern"

export type Issue = { readonly path: Path } & (
  | { readonly _tag: "Missing" }
  | { readonly _tag: "WrongKind"; readonly expected: ReadonlyArray<Kind>; readonly actual: Kind }
  | { readonly _tag: "NotAmong"; readonly supported: ReadonlyArray<string> }
  | { readonly _tag: "Limit"; readonly rule: Rule; readonly limit: string | number; readonly kind: Kind }
)

export const kindOf = (value: unknown): Kind => {
  if (value === null || value === undefined) return "null"
  if (Array.isArray(value)) return "array"
  const type = typeof value
  if (type === "number") return Number.isInteger(value) ? "integer" : "number"
  return type === "string" || type === "boolean" ? type : "object"
}

const literals = (ast: AST.AST): ReadonlyArray<AST.LiteralValue> =>
  AST.isLiteral(ast) ? [ast.literal] : AST.isUnion(ast) ? ast.types.flatMap(literals) : []

const isInteger = (ast: AST.Refinement) => limits(ast)["type"] === "integer"

/** The types a schema accepts, without `null`, which only makes a field optional. */
const kinds = (ast: AST.AST): ReadonlyArray<Kind> => {
  switch (ast._tag) {
    case "Union":
      return [...new Set(ast.types.flatMap(kinds))]
    case "Literal":
      return ast.literal === null ? [] : [kindOf(ast.literal)]
    case "StringKeyword":
      return ["string"]
    case "NumberKeyword":
      return ["number"]
    case "BooleanKeyword":
      return ["boolean"]
    case "TupleType":
      return ["array"]
    case "Refinement":
      return isInteger(ast) ? ["integer"] : kinds(ast.from)
    case "Transformation":
      return kinds(ast.from)
    case "UndefinedKeyword":
      return []
    default:
      return ["object"]
  }
}

const fits = (expected: ReadonlyArray<Kind>, actual: Kind) =>
  expected.includes(actual) || (actual === "integer" && expected.includes("number"))

const limits = (ast: AST.Refinement): Record<string, unknown> => ({
  ...Option.getOrElse(AST.getJSONSchemaAnnotation(ast), () => ({}))
})

const size = (value: unknown): number =>
  typeof value === "number" ? value : typeof value === "string" || Array.isArray(value) ? value.length : 0

/** Issues that only an object can have. */
const ofProperties = (all: Record<string, unknown>): { rule: Rule; limit: number } | undefined => {
  const most = all["maxProperties"]
  if (typeof most === "number") return { rule: "maxProperties", limit: most }
  const names = all["propertyNames"]
  const longest = typeof names === "object" && names !== null && "maxLength" in names ? names.maxLength : undefined
  return typeof longest === "number" ? { rule: "maxNameLength", limit: longest } : undefined
}

const broken = (ast: AST.Refinement, actual: unknown, path: Path): Issue => {
  const all = limits(ast)
  // An integer sent where any number is expected is called a number, as in the expected type.
  const kind = kindOf(actual) === "integer" && !kinds(ast).includes("integer") ? "number" : kindOf(actual)
  for (const rule of ["minimum", "minLength", "minItems"] as const) {
    const limit = all[rule]
    if (typeof limit === "number" && size(actual) < limit) return { _tag: "Limit", path, rule, limit, kind }
  }
  for (const rule of ["maximum", "maxLength", "maxItems"] as const) {
    const limit = all[rule]
    if (typeof limit === "number" && size(actual) > limit) return { _tag: "Limit", path, rule, limit, kind }
  }
  const ofObject = ofProperties(all)
  if (ofObject !== undefined) return { _tag: "Limit", path, ...ofObject, kind }
  const pattern = all["pattern"]
  if (typeof pattern === "string") return { _tag: "Limit", path, rule: "pattern", limit: pattern, kind }
  return { _tag: "WrongKind", path, expected: kinds(ast), actual: kind }
}

const list = <A>(issues: A | ReadonlyArray<A>): ReadonlyArray<A> => (Array.isArray(issues) ? issues : [issues as A])

const key = (part: PropertyKey): string | number => (typeof part === "number" ? part : String(part))

/** Beside a member of another type, one that only lacks something was meant. */
const isMeant = (issue: Issue, beside: Issue) =>
  beside._tag === "NotAmong" && (issue._tag === "Missing" || issue._tag === "Limit")

/** The union member whose issue lies deepest is the one that was meant. */
const deepest = (issues: ReadonlyArray<Issue>): Issue | undefined => {
  let best: Issue | undefined
  for (const issue of issues) {
    const further = best === undefined ? 1 : issue.path.length - best.path.length
    if (further > 0 || (further === 0 && isMeant(issue, best!))) best = issue
  }
  return best
}

/** All literals that the members accept, when the value is none of them. */
const withAll = (branches: ReadonlyArray<Issue>, issue: Issue): Issue => {
  if (issue._tag !== "NotAmong") return issue
  const place = format(issue.path)
  const supported = branches.flatMap((branch) =>
    branch._tag === "NotAmong" && format(branch.path) === place ? branch.supported : []
  )
  return { ...issue, supported: [...new Set(supported)] }
}

const ofUnion = (issue: ParseResult.Composite, path: Path): Issue => {
  const expected = kinds(issue.ast)
  const actual = kindOf(issue.actual)
  if (!fits(expected, actual)) return { _tag: "WrongKind", path, expected, actual }
  if (AST.isUnion(issue.ast) && issue.ast.types.every(AST.isLiteral)) {
    return {
      _tag: "NotAmong",
      path,
      supported: literals(issue.ast)
        .filter((one) => one !== null)
        .map(String)
    }
  }
  const branches = list(issue.issues).map((branch) => explain(branch, path))
  // Branches of another JSON type, mostly `null`, were not meant.
  const meant = branches.filter((branch) => branch._tag !== "WrongKind" || branch.path.length > path.length)
  return withAll(meant, deepest(meant) ?? branches[0]!)
}

const ofType = (issue: ParseResult.Type, path: Path): Issue => {
  const expected = kinds(issue.ast)
  const actual = kindOf(issue.actual)
  const supported = literals(issue.ast).filter((literal) => literal !== null)
  return supported.length > 0 && fits(expected, actual)
    ? { _tag: "NotAmong", path, supported: supported.map(String) }
    : { _tag: "WrongKind", path, expected, actual }
}

/** The first problem. */
export const explain = (issue: ParseResult.ParseIssue, path: Path = []): Issue => {
  switch (issue._tag) {
    case "Pointer":
      return explain(issue.issue, [...path, ...list(issue.path).map(key)])
    case "Missing":
      return { _tag: "Missing", path }
    case "Composite":
      return AST.isUnion(issue.ast) ? ofUnion(issue, path) : explain(list(issue.issues)[0]!, path)
    case "Refinement":
      return issue.kind === "From" ? explain(issue.issue, path) : broken(issue.ast, issue.actual, path)
    case "Transformation":
      return explain(issue.issue, path)
    case "Type":
      return ofType(issue, path)
    case "Unexpected":
    case "Forbidden":
      return { _tag: "WrongKind", path, expected: [], actual: kindOf(issue.actual) }
  }
}

// A key may be the client's own, of any length.
const LONGEST_NAME = 64

const short = (name: string) => (name.length <= LONGEST_NAME ? name : `${repair(name.slice(0, LONGEST_NAME))}…`)

/** A path in Anthropic's notation: `messages.0.content`. */
export const dotted = (path: Path): string =>
  path.map((part) => (typeof part === "number" ? String(part) : short(part))).join(".")

/** A path in OpenAI's notation: `messages[0].content`. */
export const format = (path: Path): string =>
  path.reduce<string>(
    (text, part) =>
      typeof part === "number" ? `${text}[${part}]` : text === "" ? short(part) : `${text}.${short(part)}`,
    ""
  )
