// A still: drop it, see the plate's check, cut it, correct it, save it.
import { Backgrounds } from "./backgrounds.js";
import { ask, json, picture, post, save } from "./server.js";
import { $, catchFocus, complain, drop, dropAnywhere, group, keepInAddress, kept, options, priors, say } from "./shared.js";
import { Viewer } from "./viewer.js";

const TITLES = { composite: "Composite", cutout: "Cutout", alpha: "Matte", frame: "Shot", check: "Plate check" };
const FORMATS = {
  cutout: [["png", "PNG"], ["webp", "WebP, lossless"], ["tiff", "TIFF"], ["exr", "EXR, linear"], ["zip", "Matte and cutout (ZIP)"]],
  composite: [["png", "PNG"], ["jpg", "JPEG"], ["webp", "WebP, lossless"], ["tiff", "TIFF"], ["exr", "EXR, linear"], ["zip", "All of them (ZIP)"]],
};

export function startPicture() {
  const files = { frame: null, plate: null };
  let shot = null, pictures = {}, view = "composite", running = null, rerun = null;

  const backgrounds = new Backgrounds($("backgrounds"), () => pictures.blur, () => viewer.paint());
  const viewer = new Viewer(draw, () => { remember(); cutSoon(); });
  const showView = group(document.querySelector(".views"), "view", choose);
  const showBrush = group(document.querySelector('[aria-label="Brush"]'), "brush", (brush) => {
    viewer.brush = brush;
    showBrush(brush);
    viewer.paint();
  });
  showView(view);
  showBrush("hand");

  function draw(context, side, scale) {
    const shown = side === "left" ? (view === "frame" ? "plate" : "frame") : view;
    if (shown === "composite" || shown === "cutout") {
      if (!pictures.cutout) {
        context.drawImage(pictures.frame, 0, 0, ...viewer.size);
        return;
      }
      const over = shown === "composite" ? backgrounds : { paint: Backgrounds.prototype.paint, kind: "checks", blurred: () => null };
      over.paint(context, ...viewer.size, scale);
      context.drawImage(pictures.cutout, 0, 0);
    } else if (pictures[shown]) context.drawImage(pictures[shown], 0, 0, ...viewer.size);
  }

  function choose(wanted) {
    view = wanted;
    showView(view);
    $("tag-left").textContent = view === "frame" ? "Plate, aligned" : "Shot";
    $("tag-right").textContent = TITLES[view];
    viewer.paint();
  }

  function busy(words) {
    $("busy").hidden = !words;
    if (words) $("busy-words").textContent = words;
  }

  async function begin(make, words) {
    $("sample").disabled = true;
    try {
      $("sample-words").textContent = words;
      await open(await json(make()), []);
    } catch (problem) {
      complain(problem);
    } finally {
      $("sample-words").textContent = "Try the sample";
      $("sample").disabled = false;
    }
  }

  async function open(facts, strokes) {
    shot = facts;
    keepInAddress("shot", shot.id);
    pictures = {};
    const names = ["frame", "plate", "check", "blur"];
    const loaded = await Promise.all(names.map((name) => picture(`/v1/shots/${shot.id}/views/${name}`)));
    names.forEach((name, index) => { pictures[name] = loaded[index]; });
    $("welcome").hidden = true;
    $("workplace").hidden = false;
    viewer.open(shot.width, shot.height, strokes);
    if (!$("picture").hidden) catchFocus($("stage"));
    tellCheck();
    choose(shot.check.verdict === "refused" ? "check" : "composite");
    if (shot.revision) await load();
    else if (shot.check.verdict !== "refused") await cut();
    remember();
  }

  function tellCheck() {
    const { verdict, summary, warnings, agreement, shift, coverage } = shot.check;
    $("check-dot").className = `dot ${verdict}`;
    $("check-summary").textContent = summary;
    $("check-words").replaceChildren(...[...warnings, ...shot.notes].map((words) => {
      const item = document.createElement("li");
      item.textContent = words;
      return item;
    }));
    $("check-facts").textContent =
      `${Math.round(100 * agreement)} % of the shot equals the plate` +
      (shift >= 0.5 ? `, moved by ${shift.toFixed(1)} px` : ", nothing moved") +
      (coverage < 0.995 ? `, covers ${Math.round(100 * coverage)} %` : "") + ".";
  }

  // The newest wish wins: one cut at a time, and what changed meanwhile is cut after it.
  function cutSoon() {
    clearTimeout(rerun);
    rerun = setTimeout(() => cut(), 250);
  }

  async function cut() {
    if (running) {
      running.again = true;
      return;
    }
    const mine = running = { again: false, shot: shot.id };
    busy(shot.revision ? "Following your strokes…" : "Cutting…");
    try {
      const [holdout, garbage] = await Promise.all([viewer.mask("holdout"), viewer.mask("garbage")]);
      const fields = { holdout, garbage, prior: $("prior").value, align: $("align").checked };
      const facts = await json(post(`/v1/shots/${mine.shot}/cut`, fields));
      if (shot?.id === mine.shot) {
        shot = facts;
        await load();
      }
    } catch (problem) {
      if (shot?.id === mine.shot) complain(problem);  // else another picture was taken meanwhile
    } finally {
      running = null;
      busy("");
      if (mine.again && shot) cut();
    }
  }

  async function load() {
    const { id, revision } = shot;
    const [alpha, cutout] = await Promise.all(
      ["alpha", "cutout"].map((name) => picture(`/v1/shots/${id}/views/${name}?r=${revision}`)),
    );
    if (shot?.id !== id) return;
    Object.assign(pictures, { alpha, cutout });
    document.body.dataset.revision = revision;
    viewer.paint();
  }

  function remember() {
    const painted = viewer.strokes.length > 0;
    $("undo").disabled = $("clear").disabled = !painted;
    try {
      sessionStorage.setItem(`strokes-${shot.id}`, JSON.stringify(viewer.strokes));
    } catch { /* a private window: strokes do not outlive a reload */ }
  }

  function undo() {
    if (!viewer.strokes.pop()) return;
    remember();
    viewer.paint();
    cutSoon();
  }

  async function keep() {
    const what = $("export-what").value;
    const fields = { format: $("export-format").value, linear: $("linear").checked };
    if (what === "composite") Object.assign(fields, backgrounds.fields());
    busy("Writing the file…");
    $("export").disabled = true;
    try {
      const name = await save(await post(`/v1/shots/${shot.id}/export`, fields), `${what}.${fields.format}`);
      say(`Saved as ${name}.`, 5);
    } catch (problem) {
      complain(problem);
    } finally {
      busy("");
      $("export").disabled = false;
    }
  }

  function formats() {
    options($("export-format"), FORMATS[$("export-what").value]);
  }

  function again() {
    if (shot) ask(`/v1/shots/${shot.id}`, { method: "DELETE" }).catch(() => {});
    shot = null;
    pictures = {};
    keepInAddress("shot", null);
    delete document.body.dataset.revision;
    for (const zone of Object.values(zones)) zone.clear();
    files.frame = files.plate = null;
    $("workplace").hidden = true;
    $("welcome").hidden = false;
    if (!$("picture").hidden) $("sample").focus();
  }

  function take(role, file) {
    files[role] = file;
    if (files.frame && files.plate) {
      begin(() => post("/v1/shots", { frame: files.frame, plate: files.plate }), "Looking at the plate…");
    }
  }
  const zones = {
    frame: drop("drop-frame", "file-frame", (file) => take("frame", file)),
    plate: drop("drop-plate", "file-plate", (file) => take("plate", file)),
  };

  dropAnywhere(() => !$("picture").hidden && !$("welcome").hidden, zones.frame, zones.plate);
  addEventListener("paste", (event) => {
    const file = [...(event.clipboardData?.files ?? [])][0];
    if (file && !$("welcome").hidden) zones[files.frame ? "plate" : "frame"].take(file);
  });
  $("sample").onclick = () => begin(() => post("/v1/shots/sample"), "Looking at the plate…");
  $("again").onclick = again;
  $("undo").onclick = undo;
  $("clear").onclick = () => { viewer.strokes = []; remember(); viewer.paint(); cutSoon(); };
  $("export").onclick = keep;
  $("export-what").onchange = formats;
  $("prior").onchange = $("align").onchange = () => cut();
  $("brush-size").oninput = () => { $("brush-value").textContent = $("brush-size").value; };
  $("zoom-in").onclick = () => viewer.zoom(1.5);
  $("zoom-out").onclick = () => viewer.zoom(1 / 1.5);
  $("zoom-fit").onclick = () => viewer.fit();
  formats();
  priors("prior");

  const known = kept("shot");
  if (/^[\w-]{24}$/.test(known)) {
    json(ask(`/v1/shots/${known}`)).then((facts) => {
      let strokes = [];
      try {
        strokes = JSON.parse(sessionStorage.getItem(`strokes-${known}`)) ?? [];
      } catch { /* nothing kept */ }
      return open(facts, strokes);
    }).catch((problem) => { again(); complain(problem); });
  }

  const pans = { ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40] };
  return (event) => {
    if (!shot) return false;
    const key = event.key;
    if (key === "z" && (event.ctrlKey || event.metaKey)) undo();
    else if (event.ctrlKey || event.metaKey || event.altKey) return false;
    else if (key >= "1" && key <= "5") choose(Object.keys(TITLES)[key - 1]);
    else if (key === "+" || key === "=") viewer.zoom(1.25);
    else if (key === "-") viewer.zoom(0.8);
    else if (key === "0") viewer.fit();
    else if ("vhg".includes(key)) {
      viewer.brush = { v: "hand", h: "holdout", g: "garbage" }[key];
      showBrush(viewer.brush);
      viewer.paint();
    } else if (key === "[" || key === "]") {
      $("brush-size").value = Number($("brush-size").value) + (key === "[" ? -6 : 6);
      $("brush-size").oninput();
    } else if (key === "b") backgrounds.next();
    else if (key === "c") { viewer.compare = !viewer.compare; $("tag-left").hidden = !viewer.compare; viewer.paint(); }
    else if (key === "s") keep();
    else if (pans[key] && document.activeElement === $("stage")) viewer.pan(...pans[key]);
    else return false;
    return true;
  };
}
