// The frame around the three ways to cut: modes, theme, keys.
import { startCamera } from "./camera.js";
import { startClip } from "./clip.js";
import { startPicture } from "./picture.js";
import { $, group, keepInAddress, kept } from "./shared.js";

const MODES = ["picture", "clip", "camera"];
let mode = "picture";
for (const name of MODES) $(`mode-${name}`).dataset.mode = name;
const showMode = group(document.querySelector(".modes"), "mode", open);

function open(wanted) {
  mode = wanted;
  showMode(mode);
  keepInAddress("mode", mode === "picture" && !kept("clip") ? null : mode);
  $("toasts").replaceChildren();
  for (const name of MODES) $(name).hidden = name !== mode;
  scrollTo(0, 0);
}

const THEMES = ["system", "light", "dark"];
function theme(name) {
  if (name === "system") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = name;
  $("theme").textContent = { system: "◐", light: "☀", dark: "☾" }[name];
  $("theme").setAttribute("aria-label", `Theme: ${name === "system" ? "as the system" : name}`);
  try {
    localStorage.setItem("theme", name);
  } catch { /* not kept then */ }
}
function nextTheme() {
  const now = document.documentElement.dataset.theme ?? "system";
  theme(THEMES[(THEMES.indexOf(now) + 1) % THEMES.length]);
}
let chosen = null;
try {
  chosen = localStorage.getItem("theme");
} catch { /* a private window */ }
theme(THEMES.includes(chosen) ? chosen : "system");
$("theme").onclick = nextTheme;
$("skip").onclick = (event) => {  // the address keeps other things
  event.preventDefault();
  const first = 'a, button, select, textarea, input, summary, [tabindex="0"]';
  [...$(mode).querySelectorAll(first)].find((one) => one.checkVisibility() && !one.disabled)?.focus();
};
$("help-open").onclick = () => $("help").showModal();

const keys = { picture: startPicture(), clip: startClip(), camera: startCamera() };
open(MODES.includes(kept("mode")) ? kept("mode") : kept("clip") ? "clip" : "picture");

addEventListener("keydown", (event) => {
  if ($("help").open || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
  if (keys[mode]?.(event)) event.preventDefault();
  else if (event.ctrlKey || event.metaKey || event.altKey) return;
  else if (event.key === "?") $("help").showModal();
  else if (event.key === "t") nextTheme();
});
for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
document.body.dataset.started = "yes";
