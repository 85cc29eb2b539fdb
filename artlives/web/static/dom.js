// Small helpers that every part of the page uses.

export const element = (id) => document.getElementById(id);

/** Tell those who do not see the page what happened on it. */
export function announce(text) {
  element("status").textContent = text;
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

/** Call `action` when the element is clicked; it cannot be clicked again meanwhile, and errors are shown. */
export function onClick(button, action) {
  button.addEventListener("click", async () => {
    if (button.getAttribute("aria-busy") === "true") return;
    button.setAttribute("aria-busy", "true");
    forgive();
    try {
      await action();
    } catch (error) {
      complain(error);
    } finally {
      button.removeAttribute("aria-busy");
    }
  });
}

/** A new element with these properties and children. */
export function make(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
