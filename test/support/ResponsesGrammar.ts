/**
 * What a stream of `/v1/responses` may look like: reads one, and throws at the first thing that is not legal.
 */
import { assert } from "@effect/vitest"
import { Schema } from "effect"
import { ResponseStreamEvent } from "../../src/http/dialects/responses/Api.ts"
import type { OutputItem, ResponseObject } from "../../src/http/dialects/responses/Resource.ts"

type Event = ResponseStreamEvent

const decode = Schema.decodeUnknownSync(ResponseStreamEvent, { onExcessProperty: "error" })

/** Every frame is `event:` and `data:`, with one type in both, numbered without a gap. */
export const frames = (text: string): ReadonlyArray<Event> => {
  assert.isTrue(text.endsWith("\n\n"), "ends with a whole frame")
  return text
    .slice(0, -2)
    .split("\n\n")
    .filter((frame) => !frame.startsWith(":"))
    .map((frame, i) => {
      const [first, second, ...more] = frame.split("\n")
      assert.lengthOf(more, 0)
      assert.isTrue(second?.startsWith("data: "))
      const event = decode(JSON.parse(second?.slice("data: ".length) ?? ""))
      assert.strictEqual(first, `event: ${event.type}`)
      assert.strictEqual(event.sequence_number, i)
      return event
    })
}

interface Open {
  readonly index: number
  readonly item: OutputItem
  /** Of each kind of event so far. */
  readonly seen: Array<string>
  text: string
  told: string | undefined
  /** Of a shell. */
  readonly commands: Array<string>
}

type CommandEvent = Extract<Event, { command_index: number }>

/** Each command begins empty, grows and ends as it was told. */
const addCommand = ({ commands, index, seen }: Open, event: CommandEvent) => {
  assert.strictEqual(event.output_index, index)
  seen.push(event.type)
  if ("delta" in event) {
    assert.isNotEmpty(event.delta)
    commands[event.command_index] += event.delta
  } else if (event.type.endsWith(".added")) {
    assert.deepStrictEqual([event.command_index, event.command], [commands.length, ""])
    commands.push("")
  } else assert.strictEqual(event.command, commands[event.command_index])
}

const bodies: Record<OutputItem["type"], RegExp> = {
  message:
    /^response\.content_part\.added( response\.output_text\.delta)* response\.output_text\.done response\.content_part\.done$/,
  reasoning:
    /^response\.reasoning_summary_part\.added( response\.reasoning_summary_text\.delta)* response\.reasoning_summary_text\.done response\.reasoning_summary_part\.done$/,
  function_call: /^(response\.function_call_arguments\.delta )*response\.function_call_arguments\.done$/,
  tool_search_call: /^$/,
  local_shell_call: /^$/,
  shell_call:
    /^(response\.shell_call_command\.added (response\.shell_call_command\.delta )?response\.shell_call_command\.done ?)*$/,
  apply_patch_call: /^$/,
  compaction: /^$/,
  custom_tool_call: /^(response\.custom_tool_call_input\.delta )*response\.custom_tool_call_input\.done$/
}

export const textOf = (item: OutputItem): string => {
  if (item.type === "message") return item.content.map(({ text }) => text).join("")
  if (item.type === "reasoning") return item.summary.map(({ text }) => text).join("")
  if (item.type === "function_call") return item.arguments
  return item.type === "custom_tool_call" ? item.input : ""
}

/** Told of with its end: nothing of it grows, but the commands of a shell, which have events of their own. */
const isWhole = ({ type }: OutputItem): boolean =>
  !["message", "reasoning", "function_call", "custom_tool_call"].includes(type)

const commandsOf = (item: OutputItem): ReadonlyArray<string> => (item.type === "shell_call" ? item.action.commands : [])

const ended = (open: Open, item: OutputItem, isCut: boolean) => {
  assert.match(open.seen.join(" "), bodies[item.type])
  assert.strictEqual(item.id, open.item.id)
  assert.strictEqual(item.type, open.item.type)
  assert.strictEqual(textOf(open.item), "")
  assert.strictEqual(textOf(item), open.text)
  if (!isWhole(item)) assert.strictEqual(open.told, open.text)
  assert.isEmpty(commandsOf(open.item))
  assert.deepStrictEqual(open.commands, commandsOf(item))
  if ("status" in item) assert.include(isCut ? ["completed", "incomplete"] : ["completed"], item.status)
}

const add = (open: Open, event: Event) => {
  assert.isTrue("item_id" in event && event.item_id === open.item.id)
  assert.isTrue("output_index" in event && event.output_index === open.index)
  open.seen.push(event.type)
  if ("delta" in event) {
    assert.isNotEmpty(event.delta)
    open.text += event.delta
  } else if ("text" in event) open.told = event.text
  else if ("arguments" in event) open.told = event.arguments
  else if ("input" in event) open.told = event.input
  else if ("part" in event) assert.strictEqual(event.part.text, event.type.endsWith(".added") ? "" : open.text)
}

const isEnd = (event: Event): event is Extract<Event, { response: ResponseObject }> =>
  ["response.completed", "response.incomplete", "response.failed"].includes(event.type)

/** The response a stream ends with. What its items say was said by their events, piece by piece. */
export const read = (events: ReadonlyArray<Event>): ResponseObject => {
  const [created, progress, ...rest] = events
  assert.deepInclude(created, { type: "response.created" })
  assert.deepInclude(progress, { type: "response.in_progress" })
  if (created === undefined || progress === undefined || !("response" in created) || !("response" in progress)) {
    return assert.fail("it did not begin")
  }
  assert.deepStrictEqual(created.response, progress.response)
  assert.deepInclude(created.response, { status: "in_progress", error: null, usage: null })
  assert.isEmpty(created.response.output)
  const last = rest.at(-1)
  if (last === undefined || !isEnd(last)) return assert.fail("it did not end")
  const done: Array<OutputItem> = []
  let open: Open | undefined
  for (const event of rest.slice(0, -1)) {
    if (event.type === "keepalive") continue
    if (event.type === "response.output_item.added" && "item" in event) {
      assert.isUndefined(open, "items do not overlap")
      assert.strictEqual(event.output_index, done.length)
      open = { index: event.output_index, item: event.item, seen: [], text: "", told: undefined, commands: [] }
    } else if (open === undefined) assert.fail(`${event.type} outside of an item`)
    else if (event.type === "response.output_item.done" && "item" in event) {
      assert.strictEqual(event.output_index, open.index)
      ended(open, event.item, last.type === "response.incomplete")
      done.push(event.item)
      open = undefined
    } else if ("command_index" in event) addCommand(open, event)
    else add(open, event)
  }
  const { response } = last
  assert.strictEqual(last.type, `response.${response.status}`)
  assert.deepStrictEqual(response.output.slice(0, done.length), done)
  if (response.status === "failed") {
    assert.isNotNull(response.error)
    assert.isNotEmpty(response.error?.code)
    assert.isAtMost(response.output.length, done.length + 1)
    const broken = response.output[done.length]
    if (broken !== undefined) assert.strictEqual(textOf(broken), open?.text)
  } else {
    assert.isUndefined(open)
    assert.lengthOf(response.output, done.length)
    assert.isNull(response.error)
    assert.isNotNull(response.usage)
  }
  assert.strictEqual(response.incomplete_details !== null, response.status === "incomplete")
  const {
    completed_at: _,
    error: __,
    incomplete_details: ___,
    output: ____,
    status: _____,
    usage: ______,
    usage_source: _______,
    ...fixed
  } = response
  assert.deepInclude(created.response, fixed)
  assert.strictEqual(new Set(response.output.map(({ id }) => id)).size, response.output.length)
  return response
}
