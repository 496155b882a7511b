/**
 * Tools with a schema in the API that the client runs: their descriptions and parameters for the model.
 *
 * A kind is a family and a date, such as `bash_20250124`; newer dates of a known family are accepted.
 */
import type { JsonSchema } from "../../../../domain/Chat.ts"

export type Family = "bash" | "text_editor" | "memory" | "computer"

const KIND = /^(bash|text_editor|memory|computer)_(\d{8})$/

/** Undefined for other kinds. */
export const familyOf = (kind: string): Family | undefined => KIND.exec(kind)?.[1] as Family | undefined

export interface Asked {
  readonly kind: string
  readonly display_width_px?: number | null | undefined
  readonly display_height_px?: number | null | undefined
  readonly enable_zoom?: boolean | null | undefined
  readonly max_characters?: number | null | undefined
}

export interface Described {
  readonly description: string
  readonly parameters: JsonSchema
}

const text = (description: string) => ({ type: "string", description })
const whole = (description: string) => ({ type: "integer", description })
const pair = (description: string) => ({
  type: "array",
  items: { type: "integer" },
  minItems: 2,
  maxItems: 2,
  description
})
const object = (properties: JsonSchema, required: ReadonlyArray<string>): JsonSchema => ({
  type: "object",
  properties,
  required
})

const bash = (): Described => ({
  description:
    "Runs a command in a bash shell, which stays the same from call to call: directory, variables and background processes are kept. With restart it is started anew; then no command is needed. Commands that wait for input do not work.",
  parameters: object({ command: text("What is run."), restart: { type: "boolean", description: "Start anew." } }, [])
})

const viewRange = {
  type: "array",
  items: { type: "integer" },
  minItems: 2,
  maxItems: 2,
  description: "For view of a file: its first and last line, from 1; -1 is the end."
}

const replacing = {
  file_text: text("For create: all of the file's content."),
  old_str: text(
    "For str_replace: the text to replace, exactly as in the file, spaces included; it must be there once."
  ),
  new_str: text("For str_replace: the text in its place."),
  insert_line: whole("For insert: the line after which the text goes; 0 is the beginning.")
}

/** Newer versions have no `undo_edit`, and call the inserted text `insert_text`. */
const UNDOES_UNTIL = 20250428

const textEditor = ({ max_characters: most }: Asked, date: number): Described => {
  const undoes = date <= UNDOES_UNTIL
  const commands = ["view", "create", "str_replace", "insert", ...(undoes ? ["undo_edit"] : [])]
  const inserted = undoes
    ? { new_str: text("For str_replace: the text in its place. For insert: the text to insert.") }
    : { insert_text: text("For insert: the text to insert.") }
  const limit = most === null || most === undefined ? "" : ` A view shows ${most} characters at most.`
  return {
    description: `Views, creates and changes files. view shows a file with line numbers, or what a directory holds; create writes a whole file; str_replace replaces one text; insert puts a text after a line.${undoes ? " undo_edit takes back the last change of a file." : ""}${limit}`,
    parameters: object(
      {
        command: { type: "string", enum: commands },
        path: text("Absolute path of the file or directory."),
        ...replacing,
        ...inserted,
        view_range: viewRange
      },
      ["command", "path"]
    )
  }
}

const memory = (): Described => ({
  description:
    "Keeps notes between conversations, as files under /memories. View that directory before you begin: earlier progress may stand there. Note what you would need if this conversation ended now. view shows a file or a directory; create writes a whole file; str_replace replaces one text; insert puts a text after a line; delete removes; rename moves.",
  parameters: object(
    {
      command: { type: "string", enum: ["view", "create", "str_replace", "insert", "delete", "rename"] },
      path: text("For all but rename: a path under /memories."),
      ...replacing,
      insert_text: text("For insert: the text to insert."),
      old_path: text("For rename: what it is called now."),
      new_path: text("For rename: what it is to be called."),
      view_range: viewRange
    },
    ["command"]
  )
})

const ACTIONS = [
  ...["key", "type", "mouse_move", "left_click", "left_click_drag", "right_click", "middle_click", "double_click"],
  ...["screenshot", "cursor_position"]
]
const LATER_ACTIONS = ["left_mouse_down", "left_mouse_up", "scroll", "hold_key", "wait", "triple_click"]
const LATER_SINCE = 20250124

const computer = (asked: Asked, date: number): Described => {
  const { display_height_px: height, display_width_px: width, enable_zoom: zooms } = asked
  const later = date >= LATER_SINCE
  const size = width && height ? ` The screen is ${width} pixels wide and ${height} high.` : ""
  return {
    description: `Uses the screen, the keyboard and the mouse of a computer.${size} Take a screenshot to see what is there; click in the middle of things, at coordinates seen in the last screenshot.`,
    parameters: object(
      {
        action: {
          type: "string",
          enum: [...ACTIONS, ...(later ? LATER_ACTIONS : []), ...(zooms === true ? ["zoom"] : [])]
        },
        coordinate: pair("x and y, from the left upper corner, for what the mouse does."),
        text: text("For type: the text. For key and hold_key: keys as xdotool names them, such as ctrl+s."),
        start_coordinate: pair("For left_click_drag: where it starts."),
        ...(later
          ? {
              scroll_direction: { type: "string", enum: ["up", "down", "left", "right"] },
              scroll_amount: whole("For scroll: how many clicks of the wheel."),
              duration: { type: "number", description: "For hold_key and wait: seconds." }
            }
          : {}),
        ...(zooms === true
          ? {
              region: {
                type: "array",
                items: { type: "integer" },
                minItems: 4,
                maxItems: 4,
                description: "For zoom: x and y of its left upper and right lower corners."
              }
            }
          : {})
      },
      ["action"]
    )
  }
}

const families: Readonly<Record<Family, (asked: Asked, date: number) => Described>> = {
  bash,
  text_editor: textEditor,
  memory,
  computer
}

/** Undefined for other kinds. */
export const describe = (asked: Asked): Described | undefined => {
  const [, family, date] = KIND.exec(asked.kind) ?? []
  return family === undefined ? undefined : families[family as Family](asked, Number(date))
}
