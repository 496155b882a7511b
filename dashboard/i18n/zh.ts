/**
 * What the page says, in Chinese.
 */
import type { Words } from "./en.ts"
import * as causes from "./zh/causes.ts"
import { figures } from "./zh/figures.ts"
import { frame } from "./zh/frame.ts"
import { hosts } from "./zh/hosts.ts"
import { inspect } from "./zh/inspect.ts"
import { keys } from "./zh/keys.ts"

export const zh: Words = { ...frame, ...hosts, ...keys, ...figures, ...inspect, ...causes }
