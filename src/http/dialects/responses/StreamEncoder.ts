/**
 * Encodes events as a streamed response. Pure.
 */
import type { ChatEvent } from "../../../domain/Chat.ts"
import type { Tokens } from "../../../tokens/TokenMeter.ts"
import type { ResponseError } from "./Errors.ts"
import * as Output from "./Output.ts"
import * as Resource from "./Resource.ts"
import type { Named } from "./request/Tools.ts"

export interface EncodingOptions extends Pick<Output.OutputOptions, "newId" | "compacts"> {
  readonly fixed: Omit<Resource.Fixed, "model">
  readonly named: ReadonlyArray<Named>
  /** The requested model, until an instance answers. */
  readonly model: string
  /** Seconds since 1970. */
  readonly now: () => number
  /** Called with a response that is complete. */
  readonly ended?: (response: Resource.ResponseObject) => void
}

/** Known once an instance answers. */
export interface Answering {
  readonly model: string
  readonly tokens: () => Tokens
}

export interface StreamEncoder {
  /** Encodes each event as SSE frames, often none. */
  readonly encode: (run: Answering) => (event: ChatEvent) => string
  /** Keep-alive event, after the start of the response if that is still due. OpenAI's has this type and no item. */
  readonly keepAlive: () => string
  /** The last frames of a response that broke; also starts it if necessary. */
  readonly fail: (error: ResponseError) => string
}

type Done = Extract<Resource.OutputItem, { type: "function_call" | "custom_tool_call" }>

export const make = (options: EncodingOptions): StreamEncoder => {
  let sequence = 0
  let written = ""
  let began = false
  let model = options.model
  // The JSON of the fixed fields, serialized once: tools may be long.
  let fixed = ""
  /** The frame of a delta of the open item: before the sequence number, before the text, and after it. */
  let delta: readonly [head: string, middle: string, tail: string] = ["", "", ""]

  const head = (type: string) => `event: ${type}\ndata: {"type":"${type}","sequence_number":`
  const frame = (type: string, body: string) => {
    written += `${head(type)}${sequence++},${body}}\n\n`
  }
  const at = ({ id, index }: Output.Place) => `"item_id":${JSON.stringify(id)},"output_index":${index}`
  const response = (type: string, changing: Resource.Changing) =>
    frame(type, `"response":${fixed},${JSON.stringify(changing).slice(1)}`)
  const begin = () => {
    if (began) return
    began = true
    fixed = JSON.stringify({ ...options.fixed, model }).slice(0, -1)
    response("response.created", Resource.begun)
    response("response.in_progress", Resource.begun)
  }

  const part = (item: Resource.OutputItem) =>
    item.type === "message"
      ? { text: item.content[0]?.text ?? "", body: { type: "output_text", text: "", annotations: [], logprobs: [] } }
      : {
          text: item.type === "reasoning" ? (item.summary[0]?.text ?? "") : "",
          body: { type: "summary_text", text: "" }
        }

  const message = "response.output_text"
  const summary = "response.reasoning_summary_text"

  /** A shell's commands have events of their own, which name no item. */
  const commandsTold = (commands: ReadonlyArray<string>, index: number) => {
    for (const [i, command] of commands.entries()) {
      const where = `"output_index":${index},"command_index":${i}`
      const text = JSON.stringify(command)
      frame("response.shell_call_command.added", `${where},"command":""`)
      if (command !== "") frame("response.shell_call_command.delta", `${where},"delta":${text}`)
      frame("response.shell_call_command.done", `${where},"command":${text}`)
    }
  }

  const callDone = (item: Done, where: string) => {
    if (item.type === "custom_tool_call") {
      return frame("response.custom_tool_call_input.done", `${where},"input":${JSON.stringify(item.input)}`)
    }
    const [name, text] = [JSON.stringify(item.name), JSON.stringify(item.arguments)]
    frame("response.function_call_arguments.done", `${where},"name":${name},"arguments":${text}`)
  }

  const listener: Output.Listener = {
    began: (item, place) => {
      const where = at(place)
      frame("response.output_item.added", `"output_index":${place.index},"item":${JSON.stringify(item)}`)
      if (item.type === "message") {
        const body = JSON.stringify(part(item).body)
        frame("response.content_part.added", `${where},"content_index":0,"part":${body}`)
        delta = [head(`${message}.delta`), `,${where},"content_index":0,"logprobs":[],"delta":`, "}\n\n"]
      } else if (item.type === "reasoning") {
        const body = JSON.stringify(part(item).body)
        frame("response.reasoning_summary_part.added", `${where},"summary_index":0,"part":${body}`)
        delta = [head(`${summary}.delta`), `,${where},"summary_index":0,"delta":`, "}\n\n"]
      } else {
        const type = item.type === "function_call" ? "function_call_arguments" : "custom_tool_call_input"
        delta = [head(`response.${type}.delta`), `,${where},"delta":`, "}\n\n"]
      }
    },
    grew: (text) => {
      written += `${delta[0]}${sequence++}${delta[1]}${JSON.stringify(text)}${delta[2]}`
    },
    ended: (item, place) => {
      const where = at(place)
      if (item.type === "message" || item.type === "reasoning") {
        const { body, text } = part(item)
        const whole = JSON.stringify({ ...body, text })
        const said = JSON.stringify(text)
        if (item.type === "message") {
          frame(`${message}.done`, `${where},"content_index":0,"text":${said},"logprobs":[]`)
          frame("response.content_part.done", `${where},"content_index":0,"part":${whole}`)
        } else {
          frame(`${summary}.done`, `${where},"summary_index":0,"text":${said}`)
          frame("response.reasoning_summary_part.done", `${where},"summary_index":0,"part":${whole}`)
        }
      } else if (item.type === "function_call" || item.type === "custom_tool_call") callDone(item, where)
      else if (item.type === "shell_call") commandsTold(item.action.commands, place.index)
      frame("response.output_item.done", `"output_index":${place.index},"item":${JSON.stringify(item)}`)
    }
  }
  const output = Output.make({ ...options, listener })

  const taken = () => {
    const text = written
    written = ""
    return text
  }

  return {
    encode: (run) => {
      model = run.model
      return (event) => {
        if (event._tag === "Usage") return ""
        begin()
        output.add(event)
        if (event._tag === "Finish") {
          const cut = Resource.cutBy(event.reason)
          const changing = Resource.ended({ output: output.items(), tokens: run.tokens(), cut, now: options.now() })
          response(cut === undefined ? "response.completed" : "response.incomplete", changing)
          options.ended?.({ ...options.fixed, model, ...changing })
        }
        return taken()
      }
    },
    keepAlive: () => {
      begin()
      written += `${head("keepalive")}${sequence++}}\n\n`
      return taken()
    },
    fail: (error) => {
      begin()
      response("response.failed", Resource.failed(output.items(), error))
      return taken()
    }
  }
}
