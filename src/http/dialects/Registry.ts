/**
 * The dialects that are served. The first that claims a request words its failures; the last claims all.
 */
import type { Dialects } from "../edge/Dialect.ts"
import { dialect as chatCompletions } from "./chat-completions/Dialect.ts"
import { dialect as messages } from "./messages/Dialect.ts"

export const all: Dialects = [messages, chatCompletions]
