/**
 * The dialects that are served. The first that claims a request words its failures; the last claims all.
 */
import { Array as Arr } from "effect"
import { dialect as anthropic } from "./anthropic/Dialect.ts"
import type { Dialect } from "./Dialect.ts"
import { dialect as openai } from "./openai/Dialect.ts"

export type Dialects = Arr.NonEmptyReadonlyArray<Dialect>

export const all: Dialects = [anthropic, openai]

export const of = (dialects: Dialects, ...[path, headers]: Parameters<Dialect["claims"]>): Dialect =>
  dialects.find(({ claims }) => claims(path, headers)) ?? Arr.lastNonEmpty(dialects)
