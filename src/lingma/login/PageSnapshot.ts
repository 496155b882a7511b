/**
 * Script that takes a snapshot of a page: runs in the browser, in each allowed frame, and marks the elements it found.
 */
/// <reference lib="dom" />
import type { Look } from "./LoginPage.ts"

/** Attribute that identifies a marked element. */
export const MARK = "data-sign-in-mark"

/** Must be self-contained: its source is sent to the browser. */
export const look = (mark: string): Look => {
  const isVisible = (element: Element): boolean => {
    const box = element.getBoundingClientRect()
    const style = getComputedStyle(element)
    return (
      box.width > 1 &&
      box.height > 1 &&
      style.visibility !== "hidden" &&
      style.display !== "none" &&
      style.opacity !== "0"
    )
  }
  let count = 0
  const marked = (element: Element): string => {
    const name = element.getAttribute(mark) ?? `m${Date.now().toString(36)}${count++}`
    element.setAttribute(mark, name)
    return name
  }
  const all = <E extends Element>(selector: string): Array<E> =>
    [...document.querySelectorAll<E>(selector)].filter(isVisible)
  const textOf = (element: Element) =>
    (
      (element as HTMLElement).innerText ||
      element.getAttribute("value") ||
      element.getAttribute("aria-label") ||
      element.getAttribute("title") ||
      ""
    )
      .trim()
      .slice(0, 120)
  const about = (input: HTMLInputElement) =>
    [
      input.name,
      input.id,
      input.placeholder,
      input.autocomplete,
      input.getAttribute("aria-label"),
      ...[...(input.labels ?? [])].map((label) => label.innerText)
    ]
      .join(" ")
      .toLowerCase()

  const inputs = all<HTMLInputElement>("input").filter(
    ({ disabled, readOnly, type }) =>
      !disabled &&
      !readOnly &&
      !["hidden", "submit", "button", "checkbox", "radio", "image", "reset", "file"].includes(type)
  )
  const isPassword = ({ type }: HTMLInputElement) => type === "password"
  const isCode = (input: HTMLInputElement) =>
    /captcha|verif|sms|one-time-code|otp|验证码|校验码|动态/.test(about(input))
  const isUser = (input: HTMLInputElement) =>
    /user|login|account|e-?mail|mobile|phone|名|账号|帐号|邮箱|手机/.test(about(input))
  const words = inputs.filter(
    (input) => !isPassword(input) && !isCode(input) && ["text", "email", "tel", ""].includes(input.type)
  )
  const passwords = inputs.filter(isPassword)
  const form = passwords[0]?.form ?? null
  const beside = words.filter((input) => form === null || input.form === form)
  const user = beside.find(isUser) ?? (passwords.length > 0 || words.length === 1 ? beside[0] : words.find(isUser))
  const fields = inputs.map((input) => ({
    mark: marked(input),
    kind: isPassword(input)
      ? ("password" as const)
      : input === user
        ? ("user" as const)
        : isCode(input)
          ? ("code" as const)
          : ("other" as const),
    filled: input.value !== ""
  }))

  const around = passwords[0] ?? user
  const presses = all<HTMLElement>(
    "button, a, [role=button], [role=tab], [role=option], [role=listitem], [role=menuitem], [role=radio], input[type=submit], input[type=button], li, label, [onclick]"
  )
    .filter((element) => !(element instanceof HTMLButtonElement && element.disabled))
    // An element that contains another clickable one is only its container.
    .filter(
      (element) =>
        element.querySelector("button, a, input:not([type=radio]), select, [role=button], [role=tab]") === null
    )
    .filter(
      (element) =>
        !(
          element instanceof HTMLLabelElement &&
          element.control !== null &&
          /text|password|email|tel/.test((element.control as HTMLInputElement).type)
        )
    )
    .concat(all<HTMLSelectElement>("select").flatMap(({ options }) => [...options].filter(({ value }) => value !== "")))
    .slice(0, 200)
    .map((element) => ({
      mark: marked(element),
      text: textOf(element),
      submits:
        around !== undefined &&
        (around.form === null ? element.matches("button, [type=submit]") : around.form.contains(element)) &&
        element.matches("button, input, [role=button]")
    }))

  const ticks = all<HTMLInputElement>("input[type=checkbox]")
    .concat(
      [...document.querySelectorAll<HTMLInputElement>("input[type=checkbox]")].filter(
        (box) => box.labels !== null && [...box.labels].some(isVisible)
      )
    )
    .filter((box, index, list) => list.indexOf(box) === index)
    .filter((box) =>
      /agree|terms|policy|protocol|privacy|同意|协议|条款|隐私|已阅读/i.test(
        `${box.id} ${box.name} ${[...(box.labels ?? [])].map((label) => label.innerText).join(" ")} ${box.parentElement?.innerText ?? ""}`
      )
    )
    .map((box) => ({ mark: marked(box), ticked: box.checked }))

  const puzzles =
    "#nc_1_wrapper, .nc_wrapper, .nc-container, .baxia-dialog, .geetest_panel, .g-recaptcha, .h-captcha, [id*=captcha i], [class*=captcha i], iframe[src*=captcha i], iframe[src*=hcaptcha], iframe[src*=turnstile]"
  const isPuzzle = (element: Element) =>
    !(element instanceof HTMLInputElement) && element.getBoundingClientRect().height > 20
  const text = (document.body?.innerText ?? "").slice(0, 4000)
  return {
    fields,
    presses,
    ticks,
    captcha:
      all(puzzles).some(isPuzzle) ||
      /拖动滑块|滑动验证|请完成.{0,4}验证|verify (that )?you are (a )?human|i'm not a robot/i.test(text),
    alert: all<HTMLElement>("[role=alert], [class*=error i], [id*=error i], [class*=alert i], [aria-live=assertive]")
      .map((element) => element.innerText)
      .join(" ")
      .slice(0, 500),
    text
  }
}

/** Selects an `<option>`, which cannot be clicked; false for other elements. */
export const choose = (element: Element): boolean => {
  if (!(element instanceof HTMLOptionElement)) return false
  element.selected = true
  for (const name of ["input", "change"]) element.closest("select")?.dispatchEvent(new Event(name, { bubbles: true }))
  return true
}
