/**
 * The shapes that the page shows, taken from the gateway's schemas; types alone, so that none of the schemas is loaded.
 */
import type { Answer } from "./Http.ts"

export type Overview = Answer<"overview">
export type Instance = Overview["instances"][number]
export type LiveChat = Overview["streams"][number]
export type Problem = NonNullable<Overview["problem"]>
export type ChatRow = Answer<"chats">["data"][number]
export type Outcome = ChatRow["outcome"]
export type Key = Answer<"keys">["data"][number]
export type KeyMade = Answer<"createKey">
export type KeyUsage = Answer<"ofKeys">["data"][number]
export type HostList = Answer<"hosts">
export type Host = HostList["hosts"][number]
export type HostWarning = HostList["warnings"][number]
export type Plots = Answer<"plots">
export type Range = Plots["range"]
export type InspectState = Overview["inspect"]
export type Inspection = Answer<"inspection">
export type Question = Inspection["questions"][number]
