/**
 * Faults that a script can inject: `name`, `name=VALUE`, `name@N` or `name=VALUE@N`, comma separated.
 *
 * N counts answer tokens from 0: the fault occurs before token N, or at the end of a shorter answer.
 *
 * | fault | what happens | needs |
 * | --- | --- | --- |
 * | `crash@N` | the process kills itself with SIGKILL | |
 * | `drop_socket@N` | the connection is cut, the process lives | |
 * | `never_answer` | the prompt gets no reply and no push | |
 * | `stall@N` | silence from token N on, the turn stays open | |
 * | `no_finish` | everything but the finish push | |
 * | `slow=MS` | MS between tokens | value |
 * | `malformed_json@N` | a good frame around broken JSON | |
 * | `malformed_header@N` | a frame whose header names no length | |
 * | `bad_length@N` | a header that promises more bytes than ever come, then silence | |
 * | `huge_chunk=BYTES@N` | one chunk of that many bytes | value |
 * | `stale_updates` | text and a finish of other turns and sessions between the tokens | |
 * | `wrong_id` | a reply nobody asked for before each reply of a turn's calls | |
 * | `duplicate_finish` | the finish twice | |
 * | `late_chunk` | one more chunk after the finish | |
 * | `overwrite_answer@N` | `overwrite: true` with the text so far (chat/ask only) | |
 * | `unicode_split@N` | an emoji as two chunks, one surrogate each | |
 * | `finish_error=CODE[@N]` | the finish has this statusCode; with N it comes before token N | value |
 * | `too_long=N` | a prompt of more than N characters finishes with 80411 before any token | value |
 * | `reject_prompt` | error reply to session/prompt, `success: false` for chat/ask | |
 * | `logout_mid@N` | the login is lost, the turn finishes with 401 | |
 * | `tool_invoke@N` | asks the client to run a tool and waits for the answer | |
 * | `permission@N` | asks the client for a permission and waits for the answer | |
 * | `resume@N` | a tool call with `reasonForCode` 80408 and a permission whose first option resumes; else the finish has 80408 | |
 * | `replay` | before the turn's own, chunks of an old turn: `streamed: false`, empty request and turn ids, this session | |
 * | `no_request_id` | the turn's chunks name their session, but no request | |
 * | `auth_prompt` | session/prompt fails with -32000, chat/ask with `user not login`, while auth/status says 2; a login ends it | |
 * | `auth_new` | session/new fails with -32000 while auth/status says 2, until the next login | standing |
 * | `hang_new` | session/new never answers | standing |
 * | `login_refused` | every password is wrong | standing |
 * | `exit_after=MS` | the process exits with 1 after MS | at start |
 * | `refuse_start` | exit 1 before listening | at start |
 * | `slow_start=MS` | listens only after MS | at start |
 * | `stdout_flood` | endless lines on stdout | at start |
 * | `ignore_sigterm` | SIGTERM and SIGINT do nothing | at start |
 *
 * "standing": by `LINGMA_EMULATOR_FAULT` or the control port without `turns`; "at start": by `LINGMA_EMULATOR_FAULT` only.
 */
export interface Fault {
  readonly name: string
  readonly value: number | undefined
  readonly at: number | undefined
}

export type Faults = ReadonlyArray<Fault>

const needsValue = new Set(["slow", "huge_chunk", "finish_error", "too_long", "exit_after", "slow_start"])

export const names: ReadonlySet<string> = new Set([
  ...needsValue,
  ...["crash", "drop_socket", "never_answer", "stall", "no_finish", "malformed_json", "malformed_header", "bad_length"],
  ...["stale_updates", "wrong_id", "duplicate_finish", "late_chunk", "overwrite_answer", "unicode_split"],
  ...["reject_prompt", "logout_mid", "tool_invoke", "permission", "hang_new", "login_refused"],
  ...["resume", "replay", "no_request_id", "auth_prompt", "auth_new"],
  ...["refuse_start", "stdout_flood", "ignore_sigterm"]
])

/** Parses a list of faults, or returns an error message. */
export const parse = (text: string): Faults | string => {
  const faults: Array<Fault> = []
  for (const word of text.split(",").map((part) => part.trim())) {
    if (word === "") continue
    const match = /^([a-z_]+)(?:=(\d+))?(?:@(\d+))?$/.exec(word)
    const name = match?.[1] ?? ""
    if (match === null || !names.has(name)) return `unknown fault: ${word}`
    if (needsValue.has(name) && match[2] === undefined) return `fault needs a value: ${name}=`
    faults.push({
      name,
      value: match[2] === undefined ? undefined : Number(match[2]),
      at: match[3] === undefined ? undefined : Number(match[3])
    })
  }
  return faults
}

export const find = (faults: Faults, name: string): Fault | undefined => faults.find((fault) => fault.name === name)

export const has = (faults: Faults, name: string): boolean => find(faults, name) !== undefined
