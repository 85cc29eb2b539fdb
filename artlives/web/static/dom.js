// Small helpers that every part of the page uses.

export const element = (id) => document.getElementById(id);

const SEEN = 4000; // milliseconds for which a message is shown
let toasting = 0;

/** Tell those who do not see the page what happened on it, and if it `isShown` everybody, for a moment. */
export function announce(text, isShown = false) {
  element("status").textContent = text;
  if (!isShown) return;
  element("toast").textContent = text;
  element("toast").hidden = false;
  clearTimeout(toasting);
  toasting = setTimeout(() => (element("toast").hidden = true), SEEN);
}

/** Show what went wrong, until it is closed or `forgive` is called. */
export function complain(error) {
  if (error.name === "AbortError") return;
  if (!error.forPeople) console.warn(error);
  element("notice-text").textContent = error.forPeople
    ? error.message
    : "Something went wrong on this page. Try it again.";
  element("notice").hidden = false;
}

export function forgive() {
  element("notice").hidden = true;
}

/** An error whose message is a sentence for people. */
export class Problem extends Error {
  forPeople = true;
}

/** Do something that may fail, and show why it did; the button that started it is busy meanwhile. */
export async function attempt(action, button = null) {
  button?.setAttribute("aria-busy", "true");
  try {
    await action();
  } catch (error) {
    complain(error);
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

/** Call `action` when the element is clicked; it cannot be clicked again meanwhile, and errors are shown. */
export function onClick(button, action) {
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-busy") === "true") return;
    forgive();
    attempt(action, button);
  });
}

/** A new element with these properties and children. */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
