/**
 * A conversation made short: the model is asked for a summary, which the client sends back in place of what it sums up.
 *
 * The summary is encoded, not encrypted: whoever sends it back could send any text. What another service has made is
 * not read.
 */
import type { Message } from "../../../../domain/Chat.ts"

const MARK = "lingma-gateway.1."

const ASK = `Summarize the conversation so far, so that it can be continued from your summary alone by somebody who has not seen it. Keep the user's goals, wishes and constraints; decisions and their reasons; facts found out; files, names, code and commands that matter, exactly as they are; what is done, what failed and why, and what comes next. Write the summary only, and call no tool.`

const said = (text: string): Message => ({ role: "user", text, images: [], toolCalls: [], toolCallId: undefined })

/** The conversation's last words, for the model. */
export const ask: Message = said(ASK)

export const encode = (summary: string): string => MARK + Buffer.from(summary).toString("base64url")

/** Undefined where it is none of ours. */
export const decode = (content: string): string | undefined =>
  content.startsWith(MARK) ? Buffer.from(content.slice(MARK.length), "base64url").toString() : undefined

/** What stands in the conversation for what was summed up. */
export const told = (summary: string): Message => said(`The conversation up to here, summed up:\n\n${summary}`)
