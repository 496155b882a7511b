/**
 * Compaction: the model writes a summary, and the client sends it back in place of the items it summarizes.
 *
 * The summary is encoded but not encrypted, because the client could send any text anyway. Summaries of other services
 * cannot be read.
 */
import type { Message } from "../../../../domain/Chat.ts"

const MARK = "lingma-gateway.1."

const ASK = `Summarize the conversation so far, so that it can be continued from your summary alone by somebody who has not seen it. Keep the user's goals, wishes and constraints; decisions and their reasons; facts found out; files, names, code and commands that matter, exactly as they are; what is done, what failed and why, and what comes next. Write the summary only, and call no tool.`

const said = (text: string): Message => ({ role: "user", text, images: [], toolCalls: [], toolCallId: undefined })

/** The last message, which asks the model for the summary. */
export const ask: Message = said(ASK)

export const encode = (summary: string): string => MARK + Buffer.from(summary).toString("base64url")

/** Undefined if another service wrote it. */
export const decode = (content: string): string | undefined =>
  content.startsWith(MARK) ? Buffer.from(content.slice(MARK.length), "base64url").toString() : undefined

/** The message that replaces the summarized items. */
export const told = (summary: string): Message => said(`The conversation up to here, summed up:\n\n${summary}`)
