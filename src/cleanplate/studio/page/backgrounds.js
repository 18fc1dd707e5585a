// What the cutout is shown over. A background paints itself under a picture of width x height.
import { group } from "./shared.js";

function checks(context, width, height, scale) {
  const side = 12 / scale;
  context.fillStyle = "#757575";
  context.fillRect(0, 0, width, height);
  context.fillStyle = "#5c5c5c";
  const columns = Math.min(400, Math.ceil(width / side)), rows = Math.min(400, Math.ceil(height / side));
  const [across, down] = [width / columns, height / rows];
  for (let row = 0; row < rows; row += 1) {
    for (let column = row % 2; column < columns; column += 2) {
      context.fillRect(column * across, row * down, across, down);
    }
  }
}

// As the program does it: scaled to cover, cropped about the centre.
function cover(context, picture, width, height) {
  const scale = Math.max(width / picture.width, height / picture.height);
  const [w, h] = [picture.width * scale, picture.height * scale];
  context.save();
  context.beginPath();
  context.rect(0, 0, width, height);
  context.clip();
  context.drawImage(picture, (width - w) / 2, (height - h) / 2, w, h);
  context.restore();
}

export class Backgrounds {
  // blurred: gives the picture of the blurred room, or null. changed: called after every choice.
  constructor(element, blurred, changed) {
    this.element = element;
    this.blurred = blurred;
    this.changed = changed;
    this.kind = "evening";
    this.colour = "#1f7a5c";
    this.own = null;
    this.lights = null;
    this.kinds = ["evening", "blur", "checks", "white", "colour", "own"];
    this.build();
    fetch("/v1/backgrounds/evening").then(async (answer) => {
      if (!answer.ok) return;
      const blob = await answer.blob();
      this.lightsFile = blob;
      this.lights = await createImageBitmap(blob);
      this.element.querySelector('[data-kind="evening"]').style.backgroundImage =
        `url(${URL.createObjectURL(blob)})`;
      this.changed();
    }).catch(() => {});
  }

  build() {
    const names = {
      evening: "Evening lights", blur: "The room, blurred", checks: "Transparent, as checks", white: "White",
    };
    for (const [kind, name] of Object.entries(names)) {
      const button = document.createElement("button");
      Object.assign(button, { className: `swatch ${kind}`, title: name, type: "button" });
      button.setAttribute("role", "radio");
      button.setAttribute("aria-label", name);
      button.dataset.kind = kind;
      if (kind === "white") button.style.background = "#fff";
      this.element.append(button);
    }
    this.element.append(this.chooser("colour", "A colour", "color"), this.chooser("own", "A picture of yours", "file"));
    this.show = group(this.element, "kind", (kind) => {
      if (kind === "own" && !this.own) return;  // focused by an arrow: Enter asks for the file
      this.choose(kind);
    });
    this.show(this.kind);
  }

  chooser(kind, name, type) {
    const label = document.createElement("label");
    label.className = `swatch button ${kind}`;
    label.title = name;
    label.dataset.kind = kind;
    label.setAttribute("role", "radio");
    label.setAttribute("aria-label", name);
    const input = document.createElement("input");
    Object.assign(input, { type, accept: type === "file" ? "image/*" : "" });
    input.setAttribute("aria-label", name);
    input.tabIndex = -1;  // the label is what the keyboard stops at
    label.addEventListener("keydown", (event) => {
      if (event.target !== label || (event.key !== "Enter" && event.key !== " ")) return;
      event.preventDefault();
      input.click();
    });
    if (type === "color") {
      input.value = this.colour;
      label.style.background = this.colour;
      input.addEventListener("input", () => {
        this.colour = input.value;
        label.style.background = input.value;
        this.choose("colour");
      });
    } else {
      label.append("+");
      input.addEventListener("change", () => {
        this.take(input.files[0], label);
        input.value = "";  // so that the same file can be chosen again
      });
    }
    label.append(input);
    return label;
  }

  async take(file, label) {
    if (!file) return;
    try {
      this.own = { file, picture: await createImageBitmap(file) };
      label.style.backgroundImage = `url(${URL.createObjectURL(file)})`;
      label.firstChild.textContent = "";
    } catch {
      this.own = { file, picture: null };  // the program may know it where the browser does not
    }
    this.choose("own");
  }

  choose(kind) {
    this.kind = kind;
    this.show(kind);
    this.changed();
  }

  next() {
    const kinds = this.kinds.filter((kind) => kind !== "own" || this.own);
    this.choose(kinds[(kinds.indexOf(this.kind) + 1) % kinds.length]);
  }

  paint(context, width, height, scale = 1) {
    const picture = { evening: this.lights, blur: this.blurred(), own: this.own?.picture }[this.kind];
    if (picture) cover(context, picture, width, height);
    else if (this.kind === "white" || this.kind === "colour") {
      context.fillStyle = this.kind === "white" ? "#ffffff" : this.colour;
      context.fillRect(0, 0, width, height);
    } else checks(context, width, height, scale);
  }

  // The fields that tell the program the same.
  fields() {
    switch (this.kind) {
      case "evening": return { background: this.lightsFile };
      case "own": return { background: this.own.file };
      case "blur": return { over: "blur" };
      case "white": return { over: "#ffffff" };
      case "colour": return { over: this.colour };
      default: return { over: "#6a6a6a" };
    }
  }
}
