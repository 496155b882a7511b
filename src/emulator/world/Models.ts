/**
 * The model list by scene. As in the real one, `Auto` has a different key in the inline scene.
 */
export interface Model {
  readonly key: string
  readonly displayName: string
  readonly format: "openai"
  readonly source: "system"
  readonly isReasoning: boolean
  readonly isVl: boolean
  readonly isDefault: boolean
  readonly model: ""
  readonly url: ""
  readonly apiKey: ""
  readonly max_input_tokens?: number
}

type Trait = "reasoning" | "vision" | "default"

export const item = (key: string, displayName: string, ...traits: ReadonlyArray<Trait>): Model => ({
  key,
  displayName,
  format: "openai",
  source: "system",
  isReasoning: traits.includes("reasoning"),
  isVl: traits.includes("vision"),
  isDefault: traits.includes("default"),
  model: "",
  url: "",
  apiKey: ""
})

const auto = item("auto", "Auto", "default")
const coder = item("dashscope_qwen3_coder", "Qwen3-Coder")
const max = item("dashscope_qwen_max_latest", "Qwen3-Max")
const thinking = item("dashscope_qwen_plus_20250428_thinking", "Qwen3-Thinking", "reasoning")
const plus = item("dashscope_qmodel", "Qwen3.6-Plus", "reasoning", "vision")
const kimi = item("kmodel", "Kimi-K2.6", "reasoning", "vision")
const minimax = item("mmodel", "MiniMax-M2.7", "reasoning")

export const scenes: Readonly<Record<string, ReadonlyArray<Model>>> = {
  assistant: [auto, plus, max, coder, thinking, kimi, minimax],
  chat: [auto, plus, max, coder, thinking],
  developer: [auto, coder, kimi],
  inline: [item("dashscope_qwen3_coder_default", "Auto", "default"), coder],
  quest: [item("org_auto", "Auto", "default"), item("qmodel_38max", "Qwen3.8-Max", "reasoning"), kimi]
}

const byKey: ReadonlyMap<string, Model> = new Map(
  Object.values(scenes).flatMap((models) => models.map((model) => [model.key, model] as const))
)

/** The empty key is the default model. */
export const find = (key: string): Model | undefined => (key === "" ? auto : byKey.get(key))
