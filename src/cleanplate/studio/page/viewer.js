// A picture to look at closely: fit, zoom to pixels, pan, a slider between two views, strokes.
import { $ } from "./shared.js";

const LARGEST = 32;  // screen pixels a picture's pixel
const MASK = 2048;   // longer side of the masks that are sent

export class Viewer {
  // draw(context, side, scale): paints the left or right view at the picture's size.
  constructor(draw, stroked) {
    this.draw = draw;
    this.stroked = stroked;
    this.stage = $("stage");
    this.canvas = $("canvas");
    this.split = 0.5;
    this.compare = true;
    this.brush = "hand";
    this.size = [1, 1];
    this.strokes = [];
    this.pointers = new Map();
    this.fitted = true;
    new ResizeObserver(() => (this.fitted ? this.fit() : this.paint())).observe(this.stage);
    this.listen();
  }

  open(width, height, strokes = []) {
    this.size = [width, height];
    this.strokes = strokes;
    this.fit();
  }

  box() { return [this.stage.clientWidth, this.stage.clientHeight]; }

  fit() {
    const [w, h] = this.box();
    if (!w || !h) return;
    this.fitted = true;
    this.scale = Math.min(w / this.size[0], h / this.size[1]);
    this.x = (w - this.size[0] * this.scale) / 2;
    this.y = (h - this.size[1] * this.scale) / 2;
    this.paint();
  }

  zoom(factor, at = this.box().map((side) => side / 2)) {
    const [w, h] = this.box();
    const least = Math.min(w / this.size[0], h / this.size[1]) / 2;
    const scale = Math.min(LARGEST, Math.max(least, this.scale * factor));
    this.x = at[0] - ((at[0] - this.x) * scale) / this.scale;
    this.y = at[1] - ((at[1] - this.y) * scale) / this.scale;
    this.scale = scale;
    this.fitted = false;
    this.paint();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.fitted = false;
    this.paint();
  }

  paint() {
    if (this.planned) return;
    this.planned = requestAnimationFrame(() => { this.planned = 0; this.paintNow(); });
  }

  paintNow() {
    const [w, h] = this.box(), dense = devicePixelRatio || 1;
    if (!w || this.scale === undefined) return;
    const [cw, ch] = [Math.round(w * dense), Math.round(h * dense)];
    if (this.canvas.width !== cw || this.canvas.height !== ch) Object.assign(this.canvas, { width: cw, height: ch });
    const context = this.canvas.getContext("2d");
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, cw, ch);
    context.imageSmoothingEnabled = this.scale * dense < 2;
    context.imageSmoothingQuality = "high";
    const cut = this.compare ? this.split * w : 0;
    for (const [side, left, right] of [["left", 0, cut], ["right", cut, w]]) {
      if (right <= left) continue;
      context.save();
      context.setTransform(dense, 0, 0, dense, 0, 0);
      context.beginPath();
      context.rect(left, 0, right - left, h);
      context.clip();
      context.transform(this.scale, 0, 0, this.scale, this.x, this.y);
      context.beginPath();
      context.rect(0, 0, ...this.size);
      context.clip();
      this.draw(context, side, this.scale * dense);
      context.restore();
    }
    context.setTransform(dense * this.scale, 0, 0, dense * this.scale, dense * this.x, dense * this.y);
    for (const stroke of this.strokes) this.trace(context, stroke, stroke.kind === "holdout" ? "#2fbf8a80" : "#ff6a4d80");
    const slider = $("split");
    slider.hidden = !this.compare;
    slider.style.left = `${this.split * w}px`;
    $("zoom-value").textContent = `${Math.round(100 * this.scale * dense)} %`;
    this.stage.classList.toggle("panning", this.brush === "hand");
    this.stage.classList.toggle("painting", this.brush !== "hand");
  }

  trace(context, stroke, colour) {
    context.strokeStyle = context.fillStyle = colour;
    context.lineWidth = 2 * stroke.radius;
    context.lineCap = context.lineJoin = "round";
    context.beginPath();
    context.moveTo(...stroke.points[0]);
    for (const point of stroke.points) context.lineTo(...point);
    context.stroke();
  }

  // White on black, at the picture's shape; null where nothing was painted.
  async mask(kind) {
    if (!this.strokes.some((stroke) => stroke.kind === kind)) return null;
    const shrink = Math.min(1, MASK / Math.max(...this.size));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(this.size[0] * shrink);
    canvas.height = Math.round(this.size[1] * shrink);
    const context = canvas.getContext("2d");
    context.fillStyle = "#000";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.scale(canvas.width / this.size[0], canvas.height / this.size[1]);
    // A later stroke of the other kind takes back what an earlier one said.
    for (const stroke of this.strokes) this.trace(context, stroke, stroke.kind === kind ? "#fff" : "#000");
    return new Promise((done) => canvas.toBlob(done, "image/png"));
  }

  place(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  inside([x, y]) { return [(x - this.x) / this.scale, (y - this.y) / this.scale]; }

  setSplit(share) {
    this.split = Math.min(1, Math.max(0, share));
    $("split").setAttribute("aria-valuenow", Math.round(100 * this.split));
    this.paint();
  }

  listen() {
    const { stage, pointers } = this, slider = $("split");
    slider.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      slider.setPointerCapture(event.pointerId);
      slider.onpointermove = (move) => this.setSplit(this.place(move)[0] / this.box()[0]);
    });
    for (const kind of ["pointerup", "pointercancel"]) slider.addEventListener(kind, () => { slider.onpointermove = null; });
    slider.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -0.02, ArrowRight: 0.02, PageDown: -0.1, PageUp: 0.1, Home: -1, End: 1 }[event.key];
      if (step === undefined) return;
      event.preventDefault();
      event.stopPropagation();
      this.setSplit(this.split + step);
    });
    stage.addEventListener("pointerdown", (event) => {
      if (event.target !== this.canvas) return;
      stage.setPointerCapture(event.pointerId);
      pointers.set(event.pointerId, this.place(event));
      if (this.brush !== "hand" && event.button === 0 && pointers.size === 1) {
        const radius = $("brush-size").value / 2 / this.scale;
        this.painting = { kind: this.brush, radius, points: [this.inside(this.place(event))] };
        this.strokes.push(this.painting);
        this.paint();
      } else if (this.painting) {  // a second finger: it was no stroke
        this.strokes.pop();
        this.painting = null;
      }
    });
    stage.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      stage.addEventListener(kind, (event) => {
        pointers.delete(event.pointerId);
        if (!this.painting) return;
        this.painting = null;
        this.stroked();
      });
    }
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0016)), this.place(event));
    }, { passive: false });
    stage.addEventListener("dblclick", (event) => {
      if (event.target === this.canvas && this.brush === "hand") this.zoom(1 / (this.scale * devicePixelRatio), this.place(event));
    });
  }

  move(event) {
    const { pointers } = this, before = pointers.get(event.pointerId);
    if (!before) return;
    const now = this.place(event);
    if (this.painting) {
      this.painting.points.push(this.inside(now));
      this.paint();
    } else if (pointers.size === 1) {
      this.pan(now[0] - before[0], now[1] - before[1]);
    } else {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const far = (one) => Math.hypot(one[0] - other[0], one[1] - other[1]) || 1;
      this.zoom(far(now) / far(before), [(now[0] + other[0]) / 2, (now[1] + other[1]) / 2]);
    }
    pointers.set(event.pointerId, now);
  }
}
