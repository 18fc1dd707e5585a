// A clip: hand it over, watch it being cut, stop, go on, download. Survives a reload.
import { ask, json, post, Refusal } from "./server.js";
import { $, complain, drop, say } from "./shared.js";

const TITLES = { waiting: "Waiting for another clip", running: "Cutting", cancelled: "Stopped", failed: "It did not work", done: "Done" };
const PHASES = { cutting: "Cutting", "looking for the plate": "Looking for the plate", "": "Starting" };

export function startClip() {
  const files = { clip: null, plate: null };
  let job = null, timer = 0;

  const zones = [
    drop("drop-clip", "file-clip", (file) => { files.clip = file; }),
    drop("drop-clip-plate", "file-clip-plate", (file) => {
      files.plate = file;
      $("clip-plate-from").value = "file";
      adapt();
    }),
  ];

  function adapt() {
    $("clip-seconds-field").hidden = $("clip-plate-from").value !== "first";
    const over = $("clip-over").value;
    $("clip-colour-field").hidden = over !== "colour";
    $("clip-picture-field").hidden = over !== "picture";
    const formats = over === "none"
      ? [["mov", "ProRes 4444 (MOV)"], ["webm", "VP9 with alpha (WebM)"], ["mkv", "FFV1, lossless (MKV)"], ["zip", "Numbered PNG (ZIP)"]]
      : [["mp4", "H.264 (MP4)"], ["mov", "ProRes (MOV)"], ["webm", "VP9 (WebM)"], ["mkv", "FFV1, lossless (MKV)"], ["zip", "Numbered PNG (ZIP)"]];
    $("clip-format").replaceChildren(...formats.map(([value, title]) => new Option(title, value)));
  }

  async function start(event) {
    event.preventDefault();
    const from = $("clip-plate-from").value, over = $("clip-over").value;
    if (!files.clip) return say("Choose a clip first.");
    if (from === "file" && !files.plate) return say("Choose a picture of the empty scene, or take the plate from the clip.");
    if (over === "picture" && !$("clip-picture").files[0]) return say("Choose the background's picture first.");
    const fields = {
      clip: files.clip,
      plate: from === "file" ? files.plate : null,
      plate_from: { first: `first:${Number($("clip-seconds").value)}s`, clip: "clip", file: null }[from],
      over: { none: null, blur: "blur", colour: $("clip-colour").value, picture: null }[over],
      background: over === "picture" ? $("clip-picture").files[0] : null,
      camera: $("clip-camera").value,
      format: $("clip-format").value,
    };
    $("clip-start").disabled = true;
    $("clip-start").textContent = "Handing it over…";
    try {
      follow(await json(post("/v1/clips", fields)));
    } catch (problem) {
      complain(problem);
    } finally {
      $("clip-start").disabled = false;
      $("clip-start").textContent = "Cut the clip";
    }
  }

  function follow(facts) {
    job = facts;
    location.hash = `clip=${job.id}`;
    $("clip-form").hidden = true;
    $("clip-job").hidden = false;
    show();
    clearTimeout(timer);
    if (["waiting", "running"].includes(job.state)) timer = setTimeout(look, 500);
  }

  async function look() {
    const id = job?.id;
    try {
      const facts = await json(ask(`/v1/clips/${id}`));
      if (job?.id === id) follow(facts);
    } catch (problem) {
      if (problem instanceof Refusal && problem.status === 404) forget();
      else timer = setTimeout(look, 3000);
    }
  }

  function show() {
    const { state, done, total, phase, seconds_left: left, error, said } = job;
    const going = state === "waiting" || state === "running";
    $("clip-state").textContent = state === "running" ? PHASES[phase] ?? phase : TITLES[state];
    const bar = $("clip-progress");
    if (state === "done") bar.value = 1;
    else if (total) bar.value = done / total;
    else if (going) bar.removeAttribute("value");
    else bar.value = 0;
    const count = total ? `${done} of ${total} frames` : `${done} frames`;
    const rest = left === null ? "" : left > 90 ? `, about ${Math.round(left / 60)} minutes left` : `, about ${Math.ceil(left)} s left`;
    $("clip-words").textContent = error ?? (job.before > 1 ? `${job.before - 1} before it` : count + rest);
    $("clip-said").replaceChildren(...said.filter((line) => !line.includes(" -> ")).map((line) => {
      const words = line.replace(/^(warning|note): The clip: /, "");
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    }));
    $("clip-cancel").hidden = !going;
    $("clip-resume").hidden = state !== "cancelled" && state !== "failed";
    $("clip-file").hidden = state !== "done";
    $("clip-forget").hidden = going;
    $("clip-file").href = `/v1/clips/${job.id}/file`;
  }

  function forget() {
    job = null;
    clearTimeout(timer);
    history.replaceState(null, "", location.pathname);
    $("clip-job").hidden = true;
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
  };
  for (const id of ["clip-plate-from", "clip-over"]) $(id).onchange = adapt;
  adapt();

  const known = /^#clip=([\w-]{24})$/.exec(location.hash)?.[1];
  if (known) {
    job = { id: known };
    look();
  }
}
