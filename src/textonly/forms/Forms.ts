/**
 * The table of call syntaxes that models use, because a model may use the one it was trained on instead of the prompted
 * one. Adding one is a row.
 *
 * Sources: Qwen3-Coder and Hermes templates; MiniMax-M2 `docs/tool_calling_guide.md`; Kimi-K2
 * `docs/tool_call_guidance.md`; GLM-4.5 `chat_template.jinja` (its calls stand in Qwen's frame, see `ArgCall.ts`);
 * DeepSeek-V3, R1 and V3.1 `tokenizer_config.json`; Llama 3.1, 3.2 and 4 prompt formats (llama.com; see `PythonForm.ts`); Mistral's
 * `mistral-common` tokenizers v3, v7 and v11.
 */
import { CALL, CALL_END, FUNCTION, FUNCTION_END, FUNCTION_NAMED, RESPONSE, THINK } from "./Markup.ts"

export interface Form {
  readonly opener: string
  /** Ends the call; if the call was too long, text is passed through up to it. */
  readonly closer: string
  /**
   * "bare": one function, whose own start is the opener. "block": a frame around functions, or JSON with names.
   * "json": names and JSON between markers.
   */
  readonly kind: "bare" | "block" | "json"
  /** Also common in prose, so it counts only at the start of a line, or right after a call. */
  readonly atLine: boolean
  /** Errors in this syntax are reported to the model, because it was prompted or is common; in others they are text. */
  readonly own: boolean
  /** "json": markers between names and JSON. */
  readonly marks: ReadonlyArray<string>
  /** "json": calls in Python syntax are allowed instead. */
  readonly python: boolean
}

const common = { atLine: false, own: false, marks: [] as ReadonlyArray<string>, python: false }
const block = { ...common, kind: "block" } as const
const json = { ...common, kind: "json" } as const
const DEEPSEEK_MARKS = [
  "<｜tool▁call▁begin｜>",
  "function<｜tool▁sep｜>",
  "<｜tool▁sep｜>",
  "```json",
  "```",
  "<｜tool▁call▁end｜>",
  "<｜tool▁calls▁end｜>"
]
const LLAMA_MARKS = [";", "<|python_end|>", "<|eom_id|>", "<|eot_id|>", "<|eom|>", "<|eot|>"]

/** Qwen3-Coder and Hermes; also the frame of GLM's calls. */
export const BLOCK: Form = { ...block, opener: CALL, closer: CALL_END, own: true }
/** Qwen3-Coder often omits the frame. */
export const BARE: Form = { ...common, kind: "bare", opener: FUNCTION, closer: FUNCTION_END, own: true, atLine: true }

const FORMS: ReadonlyArray<Form> = [
  BLOCK,
  BARE,
  { ...BARE, opener: FUNCTION_NAMED },
  { ...block, opener: "<minimax:tool_call>", closer: "</minimax:tool_call>" },
  { ...block, opener: "<function_calls>", closer: "</function_calls>" },
  {
    ...json,
    opener: "<|tool_calls_section_begin|>",
    closer: "<|tool_calls_section_end|>",
    marks: [
      "<|tool_call_begin|>",
      "functions.",
      "<|tool_call_argument_begin|>",
      "<|tool_call_end|>",
      "<|tool_calls_section_end|>"
    ]
  },
  { ...json, opener: "<｜tool▁calls▁begin｜>", closer: "<｜tool▁calls▁end｜>", marks: DEEPSEEK_MARKS },
  { ...json, opener: "<|python_tag|>", closer: "<|eom_id|>", marks: LLAMA_MARKS, python: true },
  { ...json, opener: "<|python_start|>", closer: "<|python_end|>", marks: LLAMA_MARKS, python: true },
  { ...json, opener: "[TOOL_CALLS]", closer: "</s>", atLine: true, marks: ["[TOOL_CALLS]", "[ARGS]", "</s>"] }
]

const byOpener = new Map(FORMS.map((form) => [form.opener, form]))

export const of = (opener: string): Form | undefined => byOpener.get(opener)

export const openers: ReadonlyArray<string> = FORMS.map((form) => form.opener)
/** Openers to detect within a line, at the start of a line, and right after a call. */
export const IN_LINE = [...FORMS.filter((form) => !form.atLine).map((form) => form.opener), THINK]
export const AT_LINE = [...openers, THINK]
export const AFTER_CALL = [...AT_LINE, CALL_END, RESPONSE]
