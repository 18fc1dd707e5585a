// The webcam: a countdown for the plate, then frames to the program and cutouts back.
import { Backgrounds } from "./backgrounds.js";
import { $, catchFocus, say } from "./shared.js";

const PLATES = 12;      // frames that the plate is made of
const IN_FLIGHT = 2;    // frames that may be under way: one that is cut, one that waits
const COUNT = Number(new URLSearchParams(location.search).get("countdown") ?? 5);
const pause = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export function startCamera() {
  const video = $("video"), canvas = $("camera-canvas"), context = canvas.getContext("2d");
  const small = document.createElement("canvas"), layer = document.createElement("canvas");
  let stream = null, socket = null, ready = false, number = 0, answered = 0, times = [], room = null, plates = 0;

  const HELLO = $("camera-words").textContent;
  const backgrounds = new Backgrounds($("camera-backgrounds"), () => room, () => {});

  function tell(dot, summary, words = "") {
    $("camera-dot").className = `dot ${dot}`;
    $("camera-summary").textContent = summary;
    $("camera-words").textContent = words;
  }

  async function start() {
    $("camera-start").disabled = true;  // while the browser asks
    try {
      await open(...$("camera-size").value.split("x").map(Number));
    } finally {
      $("camera-start").disabled = false;
    }
  }

  async function open(width, height) {
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false, video: { width: { ideal: width }, height: { ideal: height }, frameRate: { ideal: 30 } },
      });
    } catch (problem) {
      say(problem.name === "NotAllowedError"
        ? "The browser was not allowed to use the camera: allow it beside the address."
        : "No camera was found: connect one, or close the program that uses it.");
      return;
    }
    video.srcObject = stream;
    try {
      await video.play();
    } catch {
      stop();
      say("The camera gives no picture: close the program that uses it, and start it again.");
      return;
    }
    const shrink = Math.min(1, width / video.videoWidth, height / video.videoHeight);
    small.width = Math.round(video.videoWidth * shrink);
    small.height = Math.round(video.videoHeight * shrink);
    $("camera-hello").hidden = true;
    $("camera-plate").disabled = $("camera-stop").disabled = false;
    $("camera-size").disabled = true;
    catchFocus($("camera-plate"));
    tell("", "No plate yet", "Shoot the plate and step out of the picture. Leave everything else as it is.");
    connect();
  }

  function connect() {
    const mine = socket = new WebSocket(`${location.origin.replace("http", "ws")}/v1/camera`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = ({ data }) => (typeof data === "string" ? hear(JSON.parse(data)) : show(data));
    socket.onclose = () => {
      if (!stream || socket !== mine) return;
      stop();
      tell("refused", "The program closed the connection", "Start the camera again; another page may be using it.");
    };
  }

  function hear(said) {
    if (said.plate === "ready") {
      ready = true;
      answered = number;
      tell(said.warnings.length ? "doubtful" : "good", "Cutting", said.warnings.join(" ") || "Step back into the picture.");
      document.body.dataset.camera = "ready";
      for (let count = 0; count < IN_FLIGHT; count += 1) send();
    } else if (said.problem) {
      answered = number;
      if (!ready) tell("refused", "No plate", said.problem);
      else {
        tell("refused", "Cutting stopped", said.problem);
      }
    } else if (said.warning !== undefined && ready) {
      tell(said.warning ? "doubtful" : "good", "Cutting", said.warning);
      answered = Math.max(answered, number - IN_FLIGHT + 1);
      pause(100).then(send);
    }
  }

  function grab() {
    small.getContext("2d").drawImage(video, 0, 0, small.width, small.height);
    return new Promise((done) => small.toBlob(done, "image/jpeg", 0.9));
  }

  async function transmit() {
    number += 1;
    const mine = number, blob = await grab();
    const message = new Uint8Array(4 + blob.size);
    new DataView(message.buffer).setUint32(0, mine);
    message.set(new Uint8Array(await blob.arrayBuffer()), 4);
    if (socket?.readyState === WebSocket.OPEN) socket.send(message);
  }

  function send() {
    if (!ready || document.hidden || number - answered >= IN_FLIGHT) return;
    transmit();
  }

  async function shoot() {
    if (!stream || $("camera-plate").disabled) return;
    ready = false;
    delete document.body.dataset.camera;
    $("camera-plate").disabled = true;
    $("countdown").hidden = false;
    for (let left = COUNT; left > 0; left -= 1) {
      $("countdown-number").textContent = left;
      await pause(1000);
      if (!stream) return;
    }
    $("countdown-number").textContent = "";
    $("countdown-words").textContent = "Hold still: this is the empty room";
    socket.send(JSON.stringify({ plate: "begin" }));
    for (plates = 0; plates < PLATES && stream; plates += 1) {
      await transmit();
      await pause(50);
    }
    if (!stream) return;
    room = await createImageBitmap(small);
    socket.send(JSON.stringify({ plate: "end" }));
    tell("", "Making the plate…");
    $("countdown").hidden = true;
    $("countdown-words").textContent = "Step out of the picture";
    $("camera-plate").disabled = false;
    $("camera-plate").textContent = "New plate";
    room = await blurred(room);
  }

  async function blurred(picture) {
    const soft = document.createElement("canvas");
    Object.assign(soft, { width: picture.width, height: picture.height });
    const paint = soft.getContext("2d");
    paint.filter = `blur(${0.015 * Math.max(picture.width, picture.height)}px)`;
    paint.drawImage(picture, 0, 0);
    return createImageBitmap(soft);
  }

  // Foreground above, alpha below: put together, and over the background.
  async function show(data) {
    if (!ready) return;
    answered = Math.max(answered, new DataView(data).getUint32(0));
    send();
    const both = await createImageBitmap(new Blob([new Uint8Array(data, 4)], { type: "image/jpeg" }));
    const width = both.width, height = both.height / 2;
    Object.assign(layer, { width, height });
    const paint = layer.getContext("2d", { willReadFrequently: true });
    paint.drawImage(both, 0, -height);
    const alpha = paint.getImageData(0, 0, width, height);
    paint.drawImage(both, 0, 0);
    const colours = paint.getImageData(0, 0, width, height);
    for (let at = 0; at < colours.data.length; at += 4) colours.data[at + 3] = alpha.data[at];
    paint.putImageData(colours, 0, 0);
    if (!ready) return;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
    backgrounds.paint(context, width, height);
    context.drawImage(layer, 0, 0);
    const now = performance.now();
    times = [...times.filter((time) => now - time < 2000), now];
    $("camera-rate").hidden = false;
    $("camera-rate").textContent = `${(times.length / 2).toFixed(1)} frames/s`;
    document.body.dataset.frames = Number(document.body.dataset.frames ?? 0) + 1;
  }

  function stop() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    ready = false;
    socket?.close();
    video.srcObject = null;
    context.clearRect(0, 0, canvas.width, canvas.height);
    $("camera-hello").hidden = false;
    $("countdown").hidden = $("camera-rate").hidden = true;
    $("camera-plate").disabled = $("camera-stop").disabled = true;
    $("camera-size").disabled = false;
    tell("", "Not started", HELLO);
    if (!$("camera").hidden) catchFocus($("camera-start"));
  }

  $("camera-start").onclick = start;
  $("camera-stop").onclick = stop;
  $("camera-plate").onclick = shoot;
  document.addEventListener("visibilitychange", () => {
    answered = number;
    send();
  });
  return (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "p") shoot();
    else if (event.key === "b") backgrounds.next();
    else return false;
    return true;
  };
}
