/**
 * An input, or a choice, with its label and what helps to fill it in.
 */
import { useEffect, useId, useRef } from "preact/hooks"

interface Props {
  readonly label: string
  readonly value: string
  readonly onInput: (value: string) => void
  readonly help?: string | undefined
  readonly type?: "text" | "password" | "number" | "date" | "search" | "url"
  readonly isRequired?: boolean
  readonly hasFocus?: boolean
  readonly error?: string | undefined
  readonly min?: string
  readonly step?: string
  /** Values to choose from, beside what may be typed. */
  readonly suggestions?: ReadonlyArray<string>
}

export const Field = ({ error, hasFocus = false, isRequired = false, suggestions, type = "text", ...props }: Props) => {
  const { help, label, min, onInput, step, value } = props
  const id = useId()
  const input = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (hasFocus) input.current?.focus()
  }, [hasFocus])
  const described = [help === undefined ? [] : [`${id}-help`], error === undefined ? [] : [`${id}-error`]].flat()
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input
        ref={input}
        id={id}
        // The types of Preact take one of them at a time.
        type={type as "text"}
        value={value}
        required={isRequired}
        min={min}
        step={step}
        autocomplete="off"
        spellcheck={false}
        list={suggestions === undefined ? undefined : `${id}-list`}
        aria-describedby={described.length === 0 ? undefined : described.join(" ")}
        aria-invalid={error !== undefined}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {suggestions === undefined ? null : (
        <datalist id={`${id}-list`}>
          {suggestions.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      )}
      {help === undefined ? null : <small id={`${id}-help`}>{help}</small>}
      {error === undefined ? null : (
        <small id={`${id}-error`} class="bad">
          {error}
        </small>
      )}
    </div>
  )
}

interface ChoiceProps<V extends string> {
  readonly label: string
  readonly value: V
  readonly options: ReadonlyArray<readonly [value: V, text: string]>
  readonly onChange: (value: V) => void
  /** The label is for screen readers only. */
  readonly isBare?: boolean
}

export const Choice = <V extends string>({ isBare = false, label, onChange, options, value }: ChoiceProps<V>) => {
  const id = useId()
  return (
    <div class="field">
      <label for={id} class={isBare ? "unseen" : undefined}>
        {label}
      </label>
      <select
        id={id}
        value={value}
        onChange={(event) => {
          const chosen = options.find(([one]) => one === event.currentTarget.value)
          if (chosen !== undefined) onChange(chosen[0])
        }}
      >
        {options.map(([one, text]) => (
          <option key={one} value={one} selected={one === value}>
            {text}
          </option>
        ))}
      </select>
    </div>
  )
}

interface CheckProps {
  readonly label: string
  readonly help: string
  readonly isChecked: boolean
  readonly onChange: (isChecked: boolean) => void
}

export const Check = ({ help, isChecked, label, onChange }: CheckProps) => {
  const id = useId()
  return (
    <div class="field check">
      <input
        id={id}
        type="checkbox"
        checked={isChecked}
        aria-describedby={`${id}-help`}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <label for={id}>{label}</label>
      <small id={`${id}-help`}>{help}</small>
    </div>
  )
}
