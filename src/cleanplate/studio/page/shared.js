// Small things that every part of the page uses.

export const $ = (id) => document.getElementById(id);

export function say(sentence, seconds = 5 + sentence.length / 10) {
  for (const old of $("toasts").children) if (old.firstChild.data === sentence) old.remove();
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.append(sentence);
  const close = document.createElement("button");
  close.textContent = "✕";
  close.setAttribute("aria-label", "Close");
  close.onclick = () => toast.remove();
  toast.append(close);
  $("toasts").append(toast);
  setTimeout(() => toast.remove(), 1000 * seconds);
}

export function complain(problem) {
  if (problem.name !== "AbortError") say(problem.message);
}

// What the subject is looked for with, for pictures and clips alike: the option --prior.
const PRIORS = [["person", "Look for people"], ["difference", "What differs from the plate"], ["none", "None"]];

export function options(select, pairs) {
  select.replaceChildren(...pairs.map(([value, title]) => new Option(title, value)));
}

export const priors = (id) => options($(id), PRIORS);

// The address keeps what a reload is to find again: the mode, the shot and the clip of this tab.
export const kept = (name) => new URLSearchParams(location.hash.slice(1)).get(name);

export function keepInAddress(name, value) {
  const all = new URLSearchParams(location.hash.slice(1));
  if (value) all.set(name, value);
  else all.delete(name);
  history.replaceState(null, "", `${location.pathname}${location.search}${all.size ? `#${all}` : ""}`);
}

// Keeps the keyboard's place: where what had it was hidden, the element takes it.
export function catchFocus(element) {
  const held = document.activeElement;
  if (!held || held === document.body || !held.checkVisibility()) element.focus({ preventScroll: true });
}

// Buttons of which one is chosen: arrow keys move, as in every group of radio buttons.
export function group(element, attribute, choose) {
  const buttons = () => [...element.querySelectorAll('[role="radio"],[role="tab"]')];
  const mark = element.getAttribute("role") === "tablist" ? "aria-selected" : "aria-checked";
  const show = (value) => {
    for (const button of buttons()) {
      const chosen = button.dataset[attribute] === value;
      button.setAttribute(mark, chosen);
      button.tabIndex = chosen ? 0 : -1;
    }
  };
  element.addEventListener("click", (event) => {
    const button = event.target.closest('[role="radio"],[role="tab"]');
    if (button && element.contains(button)) choose(button.dataset[attribute]);
  });
  element.addEventListener("keydown", (event) => {
    const all = buttons();
    const at = all.indexOf(event.target.closest('[role="radio"],[role="tab"]'));
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1, Home: -at, End: -1 - at }[event.key];
    if (step === undefined || at < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = all[(at + step + all.length) % all.length];
    next.focus();
    choose(next.dataset[attribute]);
  });
  return show;
}

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

// An element that will show a picture, or the start of a clip; null for what browsers cannot show.
function viewOf(file) {
  if (/^image\/(png|jpeg|webp|avif|bmp)$/.test(file.type)) return Object.assign(new Image(), { alt: "" });
  if (!file.type.startsWith("video/")) return null;
  return Object.assign(document.createElement("video"), { muted: true, playsInline: true, preload: "auto" });
}

// A zone that takes a file by choice or drop, and shows its name and a small view.
export function drop(id, input, taken) {
  const zone = $(id), field = $(input);
  const take = (file) => {
    if (!file) return;
    zone.classList.add("filled");
    zone.querySelector(".file").textContent = file.name;
    zone.querySelector(".thumb")?.remove();
    zone.classList.remove("pictured");
    const view = viewOf(file);
    if (view) {
      view.className = "thumb";
      const ready = () => {
        zone.classList.add("pictured");
        zone.prepend(view);
        if (view.duration) zone.querySelector(".file").textContent = `${file.name}, ${clock(view.duration)}`;
      };
      view.onload = view.onloadeddata = ready;  // never called for what the browser cannot read
      view.src = URL.createObjectURL(file);
    }
    taken(file);
  };
  field.addEventListener("change", () => {
    take(field.files[0]);
    field.value = "";  // or the same file could not be chosen again after something went wrong
  });
  for (const kind of ["dragenter", "dragover"]) {
    zone.addEventListener(kind, (event) => { event.preventDefault(); zone.classList.add("over"); });
  }
  for (const kind of ["dragleave", "drop"]) zone.addEventListener(kind, () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length > 1) return;  // both at once, see dropAnywhere
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  const clear = () => {
    zone.classList.remove("filled", "pictured");
    zone.querySelector(".file").textContent = "";
    zone.querySelector(".thumb")?.remove();
    field.value = "";
  };
  return { take, clear, filled: () => zone.classList.contains("filled") };
}

// Files that are dropped beside the zones, or two at once: the plate is told by its name, or comes second.
export function dropAnywhere(shown, first, plate) {
  document.addEventListener("drop", (event) => {
    if (event.defaultPrevented || !shown()) return;
    const [one, other] = event.dataTransfer.files;
    const isPlate = (file) => /plate|empty|clean|room/i.test(file?.name ?? "");
    if (other) {
      const turned = isPlate(one) && !isPlate(other);
      first.take(turned ? other : one);
      plate.take(turned ? one : other);
    } else if (one) (isPlate(one) || first.filled() ? plate : first).take(one);
  });
}
