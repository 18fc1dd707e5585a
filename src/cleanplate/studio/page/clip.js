// A clip: hand it over, watch it being cut, stop, go on, download. Survives a reload.
import { ask, json, post, Refusal } from "./server.js";
import { $, catchFocus, complain, drop, dropAnywhere, keepInAddress, kept, priors, say } from "./shared.js";

const TITLES = { waiting: "Waiting for another clip", running: "Cutting", cancelled: "Stopped", failed: "It did not work", done: "Done" };
const DOTS = { cancelled: "doubtful", failed: "refused", done: "good" };
const CONTAINERS = { mp4: "MP4", mov: "MOV", webm: "WebM", mkv: "MKV", zip: "ZIP of numbered stills" };
const TICKS = ["align", "sound", "linear", "tone_map", "deinterlace", "report", "matte", "foreground"];
const TITLE = document.title;
const FILES = { main: "Download", matte: "Matte", foreground: "Foreground", report: "Look at the report" };
const PLAYED = ["mp4", "webm"];  // by all browsers; the others are for programs
const PHASES = { cutting: "Cutting", "looking for the plate": "Looking for the plate", "": "Starting" };

// Sets a text only where it is another one: what is read aloud is read once.
function tell(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

export function startClip() {
  const files = { clip: null, plate: null };
  let job = null, timer = 0, codecs = [], chosen = false;

  const zones = [
    drop("drop-clip", "file-clip", (file) => { files.clip = file; }),
    drop("drop-clip-plate", "file-clip-plate", (file) => {
      files.plate = file;
      $("clip-plate-from").value = "file";
      adapt();
    }),
  ];

  dropAnywhere(() => !$("clip").hidden && !$("clip-form").hidden, ...zones);

  // What the program can write: the choices of the page follow what it says.
  function adapt() {
    // Disabled as well: a browser refuses a form for a wrong number in a field that is not seen.
    $("clip-seconds-field").hidden = $("clip-seconds").disabled = $("clip-plate-from").value !== "first";
    const over = $("clip-over").value, transparent = over === "none";
    $("clip-colour-field").hidden = over !== "colour";
    $("clip-background-field").hidden = over !== "file";
    const before = $("clip-format").value, fit = codecs.filter((one) => one.alpha || !transparent);
    const groups = Object.entries(CONTAINERS).map(([format, label]) => {
      const group = Object.assign(document.createElement("optgroup"), { label });
      const held = fit.filter((one) => one.format === format);
      group.append(...held.map((one) => new Option(`${one.title} (${format.toUpperCase()})`, `${format} ${one.codec}`)));
      return group;
    });
    $("clip-format").replaceChildren(...groups.filter((group) => group.children.length));
    const values = [...$("clip-format").options].map((option) => option.value);
    const usual = transparent ? "mov prores" : "mp4 h264";
    $("clip-format").value = chosen && values.includes(before) ? before : values.includes(usual) ? usual : values[0];
    const zipped = $("clip-format").value.startsWith("zip");
    for (const id of ["clip-matte", "clip-foreground"]) $(id).disabled = zipped;
  }

  const first = (id) => $(id).files[0] ?? null;

  function wish() {
    const from = $("clip-plate-from").value, over = $("clip-over").value;
    const [format, codec] = $("clip-format").value.split(" ");
    const fields = {
      clip: files.clip,
      plate: from === "file" ? files.plate : null,
      plate_from: { first: `first:${Number($("clip-seconds").value)}s`, clip: "clip", file: null }[from],
      over: { none: null, blur: "blur", colour: $("clip-colour").value, file: null }[over],
      background: over === "file" ? first("clip-background") : null,
      holdout: first("clip-holdout"),
      garbage: first("clip-garbage"),
      format, codec,
    };
    for (const name of ["camera", "temporal", "quality", "prior"]) fields[name] = $(`clip-${name}`).value;
    for (const name of TICKS) fields[name] = $(`clip-${name}`).checked && !$(`clip-${name}`).disabled;
    return fields;
  }

  // Says what is missing, and puts the keyboard there.
  function missing(id, sentence) {
    say(sentence);
    $(id).focus();
  }

  async function start(event) {
    event.preventDefault();
    const from = $("clip-plate-from").value, over = $("clip-over").value;
    if (!files.clip) return missing("file-clip", "Choose a clip first.");
    if (from === "file" && !files.plate) return missing("file-clip-plate", "Choose a picture or a clip of the empty scene, or take the plate from the clip.");
    if (over === "file" && !first("clip-background")) return missing("clip-background", "Choose the background's picture or clip first.");
    $("clip-start").disabled = true;
    $("clip-start").textContent = "Handing it over…";
    try {
      follow(await json(post("/v1/clips", wish())));
    } catch (problem) {
      complain(problem);
    } finally {
      $("clip-start").disabled = false;
      $("clip-start").textContent = "Cut the clip";
    }
  }

  function follow(facts) {
    const changed = !job || (job.state && job.state !== facts.state);  // not after a reload
    job = facts;
    keepInAddress("clip", job.id);
    $("clip-form").hidden = true;
    $("clip-job").hidden = false;
    show();
    if (changed) catchFocus($("clip-heading"));
    clearTimeout(timer);
    if (["waiting", "running"].includes(job.state)) timer = setTimeout(look, 500);
  }

  async function look() {
    const id = job?.id;
    try {
      const facts = await json(ask(`/v1/clips/${id}`));
      if (job?.id === id) follow(facts);
    } catch (problem) {
      if (job?.id !== id) return;
      if (problem instanceof Refusal && problem.status === 404) {
        forget();
        complain(problem);
      } else {
        tell($("clip-words"), problem.message);
        timer = setTimeout(look, 3000);
      }
    }
  }

  function show() {
    const { state, done, total, phase, seconds_left: left, error, said, before } = job;
    const going = state === "waiting" || state === "running";
    tell($("clip-state"), state === "running" ? PHASES[phase] ?? phase : TITLES[state]);
    tell($("clip-error"), error ?? "");
    $("clip-title").textContent = job.title;
    const bar = $("clip-progress");
    if (state === "done") bar.value = 1;
    else if (total) bar.value = done / total;
    else if (going) bar.removeAttribute("value");
    else bar.value = 0;
    const count = total ? `${done} of ${total} frames` : done ? `${done} frames` : "";
    const rest = left === null ? "" : left > 90 ? `, about ${Math.round(left / 60)} minutes left` : `, about ${Math.ceil(left)} s left`;
    $("clip-words").textContent = before ? `${before === 1 ? "1 clip is" : `${before} clips are`} before it` : count + rest;
    const words = said.filter((line) => !line.includes(" -> ")).map((line) => line.replace(/^(warning|note): The clip: /, ""));
    const items = $("clip-said").children;
    words.forEach((line, at) => tell(items[at] ?? $("clip-said").appendChild(document.createElement("li")), line));
    while (items.length > words.length) items[words.length].remove();
    $("clip-cancel").hidden = !going;
    $("clip-resume").hidden = state !== "cancelled" && state !== "failed";
    $("clip-forget").hidden = going;
    $("clip-progress").hidden = state === "done";
    $("clip-dot").className = `dot ${DOTS[state] ?? "busy-dot"}`;
    document.title = going && total ? `${Math.floor((100 * done) / total)} % · cleanplate` : TITLE;
    offer(job.files);
  }

  function offer(made) {
    const links = Object.entries(made).map(([role, name]) => {
      const link = document.createElement("a");
      link.className = role === "main" ? "button main" : "button";
      link.id = `clip-file-${role}`;
      link.textContent = FILES[role];
      link.title = name;
      link.href = `/v1/clips/${job.id}/file?role=${role}`;
      if (role === "report") link.target = "_blank";
      else link.download = name;
      return link;
    });
    $("clip-files").replaceChildren(...links);
    const view = $("clip-view"), plays = PLAYED.includes(made.main?.split(".").pop());
    view.hidden = !plays;
    const source = `/v1/clips/${job.id}/file`;
    if (plays && view.getAttribute("src") !== source) view.src = source;
    if (!plays) view.removeAttribute("src");
  }

  function forget() {
    job = null;
    clearTimeout(timer);
    keepInAddress("clip", null);
    document.title = TITLE;
    $("clip-job").hidden = true;
    $("clip-view").removeAttribute("src");
    $("clip-form").hidden = false;
  }

  const turn = (wish) => async () => {
    try {
      follow(await json(post(`/v1/clips/${job.id}/${wish}`)));
    } catch (problem) {
      complain(problem);
    }
  };
  $("clip-form").addEventListener("submit", start);
  $("clip-cancel").onclick = turn("cancel");
  $("clip-resume").onclick = turn("resume");
  $("clip-forget").onclick = () => {
    ask(`/v1/clips/${job.id}`, { method: "DELETE" }).catch(() => {});
    files.clip = files.plate = null;
    for (const zone of zones) zone.clear();
    forget();
    $("file-clip").focus();
  };
  for (const id of ["clip-plate-from", "clip-over"]) $(id).onchange = adapt;
  $("clip-format").onchange = () => { chosen = true; adapt(); };
  priors("clip-prior");
  adapt();
  json(ask("/v1/clips/codecs")).then((list) => { codecs = list; adapt(); }).catch(complain);

  const known = kept("clip");
  if (/^[\w-]{24}$/.test(known)) {
    job = { id: known };
    $("clip-form").hidden = true;  // until it is known that the clip is not kept any more
    look();
  }
}
