/**
 * What the page says, in English.
 */
import * as causes from "./en/causes.ts"
import { figures } from "./en/figures.ts"
import { frame } from "./en/frame.ts"
import { hosts } from "./en/hosts.ts"
import { inspect } from "./en/inspect.ts"
import { keys } from "./en/keys.ts"

export const en = { ...frame, ...hosts, ...keys, ...figures, ...inspect, ...causes }

export type Words = typeof en
