// Talks to the program: every refusal becomes an Error whose message is a sentence for people.

export class Refusal extends Error {
  constructor(sentence, status) {
    super(sentence);
    this.status = status;
  }
}

const pause = (seconds) => new Promise((done) => setTimeout(done, 1000 * seconds));

async function refusalOf(response) {
  let sentence = `The program answered ${response.status}.`;
  try {
    sentence = (await response.json()).error ?? sentence;
  } catch { /* no JSON: the number has to do */ }
  return new Refusal(sentence, response.status);
}

// Asks again while the queue is full, as the answer says, for a minute at most.
export async function ask(path, options = {}) {
  const until = Date.now() + 60000;
  for (;;) {
    let response;
    try {
      response = await fetch(path, options);
    } catch (problem) {
      if (problem.name === "AbortError") throw problem;
      throw new Refusal("The program does not answer: is it still running?", 0);
    }
    if (response.ok) return response;
    const after = Number(response.headers.get("Retry-After")) || 2;
    if (response.status !== 429 || Date.now() + 1000 * after > until) throw await refusalOf(response);
    await pause(after);
  }
}

export function form(fields) {
  const made = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value instanceof Blob) made.append(name, value, value.name ?? name);
    else if (value !== null && value !== undefined) made.append(name, value);
  }
  return made;
}

export const post = (path, fields = {}, signal = undefined) =>
  ask(path, { method: "POST", body: form(fields), signal });

export const json = async (answer) => (await answer).json();

export async function picture(path) {
  const blob = await (await ask(path)).blob();
  return createImageBitmap(blob, { premultiplyAlpha: "default" });
}

export async function save(response, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  const said = response.headers.get("Content-Disposition") ?? "";
  const coded = /filename\*=utf-8''([^;]+)/i.exec(said)?.[1];
  link.download = coded ? decodeURIComponent(coded) : /filename="([^"]+)"/.exec(said)?.[1] ?? name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  return link.download;
}
